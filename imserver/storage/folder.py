"""The data directory: whose it is, and that one process at a time has it."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

#: The database, beside which SQLite keeps its WAL.
DATABASE_NAME: Final = "im.db"
LOCK_NAME: Final = "LOCK"
#: What a folder may hold before it is ours: a fresh file system's own.
_HARMLESS: Final = frozenset({"lost+found"})


class FolderError(Exception):
    """The data directory cannot be used. The text is one sentence that says what to do."""


class FolderLocked(FolderError):
    """Another process has it open."""

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{path} is in use by {holder}; stop that one first or choose another data directory"
        )
        self.pid = pid


class FolderForeign(FolderError):
    """It holds something, but not this server's data."""


class FolderFull(FolderError):
    """Its disk has no room for what every start writes."""


class SchemaNewer(FolderError):
    """A newer version of this program wrote it."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"{path} has schema version {found} and this program knows up to {known}; "
            f"start the newer version that wrote it"
        )
        self.found = found


class FolderLock:
    """Exclusive use of a data directory until `release`, or until the process ends in whatever way.

    The lock is `flock` on the file LOCK, which holds the owner's process id for people and error texts.
    """

    def __init__(self, path: Path) -> None:
        """Take the folder, making it if it is not there.

        Raises:
            FolderLocked: it is in use.
            FolderForeign: it is no folder, or one that holds other things.
        """
        self.path = path
        claim(path)
        # Opened without truncation: until the lock is ours, the text is its owner's.
        self._fd = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            text = os.pread(self._fd, 32, 0).strip()
            os.close(self._fd)
            raise FolderLocked(path, int(text) if text.isdigit() else None) from None
        except BaseException:
            os.close(self._fd)
            raise

    def release(self) -> None:
        """Give the folder back. May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def claim(path: Path) -> None:
    """Make the folder if it is missing; refuse one that holds other things than ours.

    Raises:
        FolderForeign: see the text.
    """
    try:
        _make(path, 0o700)
        names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    except (FileExistsError, NotADirectoryError):
        raise FolderForeign(f"{path} is not a directory; choose another data directory") from None
    if names - _HARMLESS and not names & {LOCK_NAME, DATABASE_NAME}:
        raise FolderForeign(f"{path} holds other things; choose an empty or a new data directory")


def _make(path: Path, mode: int) -> None:
    """Make a folder with what is missing above it, durably: a synced file in a folder without a name is lost.

    The folder above is synced in any case, since whoever made this one may have been killed before.
    """
    if not path.parent.exists():
        _make(path.parent, 0o777)
    path.mkdir(mode=mode, exist_ok=True)
    # It may be somebody else's, who lets us pass through it only; then it was not made by us either.
    with suppress(PermissionError):
        sync_folder(path.parent)


def require(path: Path, *, wanted: str = "the directory that `serve` was given") -> Path:
    """The database in a data directory that must be there already.

    Args:
        path: the directory.
        wanted: what is to be named instead, if there is none.

    Raises:
        FolderForeign: there is none.
    """
    database = path / DATABASE_NAME
    if not database.is_file():
        raise FolderForeign(f"{path} holds no server data; name {wanted}")
    return database


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
