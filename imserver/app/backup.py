"""Copies of a data directory, what a restored one needs, and checking one."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imserver.app.blob_folder import blob_fault, copy_blobs
from imserver.app.errors import AdminError
from imserver.app.ticket_keys import KEY_FILE_NAME
from imserver.storage import verify as checks
from imserver.storage.backup import back_up as back_up_database
from imserver.storage.backup import require_sound, stamp_restored
from imserver.storage.folder import DATABASE_NAME, require, sync_folder
from imserver.storage.schema import open_outside


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What was copied. `damaged` names media files whose content is not what it was."""

    database_bytes: int
    blobs: int
    blob_bytes: int
    damaged: tuple[str, ...]


def back_up(data_dir: Path, target: Path) -> BackupReport:
    """Copy a data directory, also while its server runs, to the new directory `target`.

    The copy is of one moment, whole and durable, or not there at all. Uploads that are under way are not in
    it.

    Raises:
        AdminError: `target` exists, or the system refuses.
        FolderError: there is no such data directory.
        StoreBroken: its database is damaged.
    """
    require(data_dir)
    with _appearing(target) as partial_:
        # The database first: a blob is on the disk before any entry names it, and blobs stay.
        back_up_database(data_dir, partial_ / DATABASE_NAME)
        keys = data_dir / KEY_FILE_NAME
        if keys.exists():
            _copy_file(keys, partial_ / KEY_FILE_NAME)
        count, size_bytes, damaged = copy_blobs(data_dir, partial_)
        return BackupReport(
            database_bytes=(partial_ / DATABASE_NAME).stat().st_size,
            blobs=count,
            blob_bytes=size_bytes,
            damaged=tuple(damaged),
        )


def restore(backup: Path, data_dir: Path) -> BackupReport:
    """Make a new data directory from a backup, with a new epoch, so that every client notices (G13).

    The backup stays as it is.

    Raises:
        AdminError: `data_dir` exists, or the system refuses.
        FolderError: that is no backup.
        StoreBroken: its database is damaged.
    """
    database = require(backup, wanted="a directory that `imserver backup` made")
    # Before the copy, whose name nobody knows.
    with closing(open_outside(database)) as db:
        require_sound(db, database)
    with _appearing(data_dir) as partial_:
        _copy_file(database, partial_ / DATABASE_NAME)
        if (backup / KEY_FILE_NAME).exists():
            _copy_file(backup / KEY_FILE_NAME, partial_ / KEY_FILE_NAME)
        count, size_bytes, damaged = copy_blobs(backup, partial_)
        stamp_restored(partial_)
        return BackupReport(
            database_bytes=(partial_ / DATABASE_NAME).stat().st_size,
            blobs=count,
            blob_bytes=size_bytes,
            damaged=tuple(damaged),
        )


def stamp(data_dir: Path) -> None:
    """Give a data directory whose files were put back by other means a new epoch.

    Raises:
        FolderError: a server uses it, or it is no data directory.
    """
    require(data_dir)
    stamp_restored(data_dir)


def verify(data_dir: Path) -> checks.Report:
    """Check a data directory, media included, without changing anything; also while its server runs.

    Raises:
        FolderError: it is no data directory of this version.
    """
    return checks.verify(data_dir, blob_fault=partial(blob_fault, data_dir))


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A folder to fill; it becomes `target`, durably, when the block ends well, and else vanishes."""
    target = target.absolute()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise AdminError(f"{target} is there already; name a new directory")
    folder = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
            sync_folder(folder)
            folder.rename(target)  # replaces an empty folder
            sync_folder(target.parent)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise AdminError(f"cannot write {error.filename or target}: {error.strerror}") from None
    except sqlite3.Error as error:
        raise AdminError(f"cannot copy the database: {error}") from None


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as file, target.open("xb") as out:
        target.chmod(0o600)
        shutil.copyfileobj(file, out)
        out.flush()
        os.fsync(out.fileno())
