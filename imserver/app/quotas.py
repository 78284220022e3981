"""What each app may have of media, in memory, because the media room asks without waiting."""

from collections.abc import Iterable

from imserver.storage.store import App


class Quotas:
    """App id -> bytes. An app that is not known may have nothing."""

    def __init__(self) -> None:
        self._bytes_max: dict[int, int] = {}

    def replace(self, apps: Iterable[App]) -> None:
        """Know exactly these apps from now on."""
        self._bytes_max = {app.id: app.media_bytes_max for app in apps}

    def bytes_max(self, app: int) -> int:
        """The quota of an app, in bytes."""
        return self._bytes_max.get(app, 0)
