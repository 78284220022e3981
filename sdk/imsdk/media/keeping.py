"""Copies that survive: bytes into the client's own folder, durable before anybody relies on them."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from improtocol.limits import MEDIA_BYTES_MAX
from imsdk.errors import StorageFull

_CHUNK_BYTES: Final = 1024 * 1024
#: What of a file is looked at to tell what it is. JPEG's headers may follow 64 KiB of Exif and several of
#: colour profile.
HEAD_BYTES: Final = 512 * 1024

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn "no room" into `StorageFull`; other errors of the system pass."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"no room on the device: {error.strerror}") from error
        raise


def keep_bytes(data: bytes, folder: Path) -> tuple[str, int, bytes]:
    """Write `data` into `folder` under a fresh name: that name, the size, and the first `HEAD_BYTES`.

    Raises:
        ValueError: empty or too large.
        StorageFull: no room; nothing is left behind.
    """
    _check_size(len(data))
    with _fresh(folder) as target, storage_errors():
        target.write(data)
    return Path(target.name).name, len(data), data[:HEAD_BYTES]


def keep_file(source: Path, folder: Path) -> tuple[str, int, bytes]:
    """Copy a file into `folder`; as `keep_bytes`. Also raises `OSError` when the source cannot be read."""
    size, head = 0, b""
    with source.open("rb") as original:
        _check_size(os.fstat(original.fileno()).st_size)
        with _fresh(folder) as target:
            # A copy and no link: the app may go on writing to its file.
            while chunk := original.read(_CHUNK_BYTES):
                head = head or chunk[:HEAD_BYTES]
                size += len(chunk)
                _check_size(size)
                with storage_errors():
                    target.write(chunk)
            _check_size(size)
    return Path(target.name).name, size, head


@contextmanager
def _fresh(folder: Path) -> Iterator[BinaryIO]:
    """A new file, durable (with its name) on leaving, gone if leaving by an exception."""
    path = folder / secrets.token_hex(16)
    try:
        with storage_errors():
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as target:
                yield target
                target.flush()
                os.fsync(target.fileno())
            sync_folder(folder)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, where the system can (Windows cannot open folders)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_size(size: int) -> None:
    if not size:
        raise ValueError("the file is empty")
    if size > MEDIA_BYTES_MAX:
        raise ValueError(f"a file may have at most {MEDIA_BYTES_MAX} bytes, not {size}")
