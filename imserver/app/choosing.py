"""Which app an administrator means."""

from collections.abc import Iterable, Sequence
from typing import Final

from imserver.app.errors import AdminError
from imserver.storage.store import App

DEFAULT_APP: Final = "default"


def choose_app(apps: Sequence[App], name: str | None) -> App:
    """The app of this name; None: "default", or the only one there is.

    Raises:
        AdminError: there is none.
    """
    by_name = {app.name: app for app in apps}
    if name is None:
        name = apps[0].name if len(apps) == 1 else DEFAULT_APP
    if name not in by_name:
        raise _no_such_app(name, by_name)
    return by_name[name]


def _no_such_app(name: str, known: Iterable[str]) -> AdminError:
    names = ", ".join(sorted(known)) or "none"
    return AdminError(
        f"there is no app {name!r} (there is: {names}); make it with: imserver app create {name}"
    )
