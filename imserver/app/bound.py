"""Where a running server can be reached."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The real URLs, ports filled in. `operations`: where `/healthz` and `/metrics` are, None: nowhere.

    `new_app` names the app that was made because this is a new data directory.
    """

    data_dir: Path
    listen: tuple[str, ...]
    http: str
    operations: str | None
    new_app: str | None = None
