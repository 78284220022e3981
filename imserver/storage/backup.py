"""Backup of a live data directory's database, and what makes a restored one known as such (G13)."""

import sqlite3
from contextlib import closing
from pathlib import Path

from imserver.storage.folder import FolderError, FolderLock, require, sync_folder
from imserver.storage.model import StoreBroken
from imserver.storage.schema import check_application, new_epoch, open_outside, open_writer, read_epoch


def back_up(folder: Path, target: Path) -> None:
    """Copy the database of a data directory, which a server may be writing, to the new file `target`.

    Blobs are files that never change once they are there: copy them afterwards by any means.

    Raises:
        FolderError: there is no data, or `target` is there already.
        StoreBroken: it is damaged, so the copy would be none.
    """
    source_path = require(folder)
    if target.exists():
        raise FolderError(f"{target} is there already; name a new file")
    with closing(open_outside(source_path)) as source:
        check_application(source, source_path, may_be_new=False)
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            # All at once in one read transaction: writers go on meanwhile, they only make the WAL longer.
            source.backup(copy)
            require_sound(copy, source_path)
            copy.execute("PRAGMA journal_mode = DELETE")
    sync_folder(target.parent)


def require_sound(db: sqlite3.Connection, path: Path) -> None:
    """Have SQLite look through what it was given of the file at `path`: pages and rows, not what they say.

    Raises:
        StoreBroken: it is damaged.
    """
    try:
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise StoreBroken(f"{path} is damaged: {found}; see: imserver verify")


def stamp_restored(folder: Path) -> int:
    """Give a data directory that was put back from a backup a new epoch, and return it.

    Every client then finds its cursor to be of another epoch and takes a new snapshot. Otherwise positions
    given twice would show one user another history than the next.

    Raises:
        FolderLocked: a server has it open.
        FolderForeign, SchemaNewer: see their texts.
    """
    with FolderLock(folder):
        with closing(open_writer(require(folder))) as db:
            before, epoch = read_epoch(db), new_epoch()
            while epoch == before:
                epoch = new_epoch()
            db.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,))
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return epoch
