"""The part of `sqlite3.Connection` that this project's statements use, on an apsw connection.

The project's own SQL then runs unchanged on a simulated disk. Errors come as the sqlite3 module's, with the
same codes and names.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import apsw

from imserver.sim.disks.vfs import RecordedVFS

Connect = Callable[..., sqlite3.Connection]

#: By primary result code, as CPython's _sqlite/util.c maps them.
_ERRORS: Final[dict[int, type[sqlite3.Error]]] = {
    apsw.SQLITE_CORRUPT: sqlite3.DatabaseError,
    apsw.SQLITE_NOTADB: sqlite3.DatabaseError,
    apsw.SQLITE_INTERNAL: sqlite3.InternalError,
    apsw.SQLITE_NOTFOUND: sqlite3.InternalError,
    apsw.SQLITE_CONSTRAINT: sqlite3.IntegrityError,
    apsw.SQLITE_MISMATCH: sqlite3.IntegrityError,
    apsw.SQLITE_TOOBIG: sqlite3.DataError,
    apsw.SQLITE_MISUSE: sqlite3.InterfaceError,
    apsw.SQLITE_RANGE: sqlite3.InterfaceError,
}
_NAMES: Final = cast(dict[int, str], apsw.mapping_result_codes) | cast(
    dict[int, str], apsw.mapping_extended_result_codes
)


@contextmanager
def as_sqlite3() -> Iterator[None]:
    """Errors of apsw as the sqlite3 module's."""
    try:
        yield
    except apsw.Error as error:
        raise mapped(error) from error


def mapped(error: apsw.Error) -> sqlite3.Error:
    """The sqlite3 module's error for an apsw one."""
    code = getattr(error, "extendedresult", 0) or getattr(error, "result", 0) or apsw.SQLITE_ERROR
    told = _ERRORS.get(code & 0xFF, sqlite3.OperationalError)(str(error))
    told.sqlite_errorcode = code
    told.sqlite_errorname = _NAMES.get(code, "SQLITE_ERROR")
    return told


def _only_a_checkpoint(sql: str, error: apsw.Error) -> bool:
    """Whether it was the automatic checkpoint after a commit that failed.

    SQLite ignores that (`sqlite3WalDefaultHook`), but apsw raises whatever a VFS has raised. With a WAL, a
    commit itself touches the WAL only.
    """
    path: Path | None = getattr(error, "path", None)
    if sql != "COMMIT" or path is None or path.name.endswith(("-wal", "-journal")):
        return False
    return path.with_name(f"{path.name}-wal").exists()


class RecordedCursor:
    """See `sqlite3.Cursor`. What changes rows has `rowcount` and `lastrowid`."""

    def __init__(self, db: apsw.Connection) -> None:
        self._cursor = db.cursor()
        self.rowcount = -1
        self.lastrowid: int | None = None

    def run(self, db: apsw.Connection, sql: str, parameters: Sequence[Any]) -> "RecordedCursor":
        """Execute one statement."""
        before = db.total_changes()
        with as_sqlite3():
            try:
                self._cursor.execute(sql, tuple(parameters) or None)
            except apsw.Error as error:
                if not _only_a_checkpoint(sql, error):
                    raise
        self.rowcount = db.total_changes() - before
        self.lastrowid = db.last_insert_rowid()
        return self

    def fetchone(self) -> Any:
        with as_sqlite3():
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        with as_sqlite3():
            return self._cursor.fetchall()

    def close(self) -> None:
        self._cursor.close(True)

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row


class RecordedConnection:
    """See `sqlite3.Connection`."""

    def __init__(self, vfs: RecordedVFS, path: Path | str) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        if str(path).startswith("file:"):
            flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        with as_sqlite3():
            self._db = apsw.Connection(str(path), flags=flags, vfs=vfs.name, statementcachesize=256)

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    @property
    def total_changes(self) -> int:
        return self._db.total_changes()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> RecordedCursor:
        return RecordedCursor(self._db).run(self._db, sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> RecordedCursor:
        cursor = RecordedCursor(self._db)
        with as_sqlite3():
            self._db.executemany(sql, rows)
        return cursor

    def executescript(self, sql: str) -> None:
        with as_sqlite3():
            self._db.execute(sql)

    def serialize(self) -> bytes:
        with as_sqlite3():
            return self._db.serialize("main")

    def close(self) -> None:
        # SQLite tells of no I/O error while closing; apsw raises whatever the VFS has raised.
        with suppress(apsw.IOError, apsw.FullError):
            self._db.close()


def connector(vfs: RecordedVFS) -> Connect:
    """What to give instead of `sqlite3.connect`; its other arguments do not matter here."""

    def connect(path: Path | str, **_options: object) -> sqlite3.Connection:
        return cast(sqlite3.Connection, RecordedConnection(vfs, path))

    return connect
