"""What runs here."""

import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final


def _installed() -> str:
    try:
        return version("imserver")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"


VERSION: Final = _installed()
SQLITE_VERSION: Final = sqlite3.sqlite_version
PYTHON_VERSION: Final = platform.python_version()
#: Whether the hot modules run as C (`make compiled`).
COMPILED: Final = any((Path(__file__).parent / "core").glob("core.*.so"))
