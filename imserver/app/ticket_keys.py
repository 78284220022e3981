"""The secrets that sign upload tickets and media links: a file in the data directory.

One key a line in hex; the first signs, all verify. To change it, put a new line first and restart; once the
links of the old one have expired, drop it.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from imserver.app.errors import CannotServe

KEY_FILE_NAME: Final = "media.key"
_KEY_BYTES: Final = 32


def load_ticket_keys(data_dir: Path) -> list[bytes]:
    """The keys of a data directory whose lock is held; the first start makes the file (0600, durable).

    Raises:
        CannotServe: the file cannot be read or holds something else.
    """
    path = data_dir / KEY_FILE_NAME
    if not path.exists():
        _make(path)
    try:
        keys = [bytes.fromhex(line) for line in path.read_text(encoding="ascii").split()]
    except OSError as error:
        raise CannotServe(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        keys = []
    if not keys or any(len(key) < _KEY_BYTES for key in keys):
        raise CannotServe(
            f"{path} must hold keys of {_KEY_BYTES} bytes in hex, one a line; "
            f"remove it to draw a new one (links handed out before die)"
        )
    return keys


def _make(path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, secrets.token_hex(_KEY_BYTES).encode() + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
