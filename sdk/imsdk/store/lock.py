"""A lock on the data folder: two processes that share a store would send each other's outbox."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from imsdk.errors import StorageLocked


class FolderLock:
    """Holds `folder`/lock while acquired.

    The operating system lets go of it when the process dies, however it dies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None

    def acquire(self) -> None:
        """Make the folder and lock it.

        Raises:
            StorageLocked: somebody else has it, in this process or another.
            OSError: the folder cannot be made.
        """
        _make(self._folder, 0o700)
        file = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(file)
        except OSError as error:
            os.close(file)
            raise StorageLocked(f"{self._folder} is in use by another client") from error
        self._file = file

    def release(self) -> None:
        """Unlock; nothing happens when it is not locked."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _make(folder: Path, mode: int) -> None:
    """Make a folder and what is missing above it, durably: without a durable name, what is in it is lost."""
    if not folder.parent.exists():
        _make(folder.parent, 0o777)
    folder.mkdir(mode=mode, exist_ok=True)
    # Phones let an app pass through folders that it may not read; those were not made by it.
    with suppress(PermissionError):
        _sync(folder.parent)


if sys.platform == "win32":
    import msvcrt

    def _sync(folder: Path) -> None:
        """Folders cannot be synced there; NTFS keeps a journal of names."""

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _sync(folder: Path) -> None:
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def _lock(file: int) -> None:
        # flock, not lockf: it belongs to the open file, so a second client of the same process is kept out
        # too.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
