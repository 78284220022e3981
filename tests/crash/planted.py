"""Mistakes planted on purpose: a checker that does not find them proves nothing."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from imsdk.store import outbox
from imsdk.store.database import Database
from imserver.media.durable_files import DurableFiles
from imserver.sim.disks import Fault, Recorder
from imserver.sim.disks.connection import RecordedConnection
from imserver.storage import schema
from imserver.storage.appending import Appender
from imserver.storage.journal import Journal
from imserver.storage.model import Write
from imserver.storage.writing import Writer

Planted = Callable[[], AbstractContextManager[None]]


def _sql(before: str, after: str) -> Planted:
    """Another statement in place of one."""

    @contextmanager
    def planted() -> Iterator[None]:
        real = RecordedConnection.execute

        def execute(self: RecordedConnection, sql: str, parameters: Any = ()) -> Any:
            return real(self, after if sql == before else sql, parameters)

        with patch.object(RecordedConnection, "execute", execute):
            yield

    return planted


def _lying(suffix: str) -> Planted:
    """Syncs of the files with this suffix do nothing, once the database has its WAL."""

    @contextmanager
    def planted() -> Iterator[None]:
        def lie(call: str, path: Path) -> Fault | None:
            has_wal = path.name.endswith("-wal") or path.with_name(f"{path.name}-wal").exists()
            return Fault.LIE if call == "sync" and path.name.endswith(suffix) and has_wal else None

        def check(of: Recorder, call: str, path: Path) -> Fault | None:
            return lie(call, path) or real(of, call, path)

        from imserver.sim.disks import vfs

        real = vfs.check
        with patch.object(vfs, "check", check):
            yield

    return planted


@contextmanager
def _ack_before_commit() -> Iterator[None]:
    """The server's transaction returns first and commits with the next one."""

    def committed(
        self: Writer,
        work: Callable[[sqlite3.Connection], Any],
        added: Callable[[], None] | None = None,
    ) -> Any:
        if self.db.in_transaction:
            self.db.execute("COMMIT")
        self._begin()
        result = work(self.db)
        if added is None:
            self._journal.clear()
        (added or self._journal.settled)()
        return result

    def settle(self: Writer) -> bool:
        if self.unsettled:
            self.transaction(lambda _: None)
        return True

    def checkpoint(self: Writer) -> None:
        if self.db.in_transaction:
            self.db.execute("COMMIT")

    with (
        patch.object(Writer, "_committed", committed),
        patch.object(Writer, "settle", settle),
        patch.object(Writer, "checkpoint", checkpoint),
    ):
        yield


@contextmanager
def _outcome_apart() -> Iterator[None]:
    """Records in one transaction, the commands' outcomes in the next (breaks G2)."""
    real = Appender._flush_devices

    def flush(self: Appender) -> None:
        self._db.execute("COMMIT")
        self._db.execute("BEGIN IMMEDIATE")
        real(self)

    with patch.object(Appender, "_flush_devices", flush):
        yield


@contextmanager
def _cursor_apart() -> Iterator[None]:
    """The client's record in one transaction, its cursor in the next (breaks G4)."""
    real = RecordedConnection.execute

    def execute(self: RecordedConnection, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("UPDATE state SET cursor = ?"):
            real(self, "COMMIT")
            real(self, "BEGIN IMMEDIATE")
        return real(self, sql, parameters)

    with patch.object(RecordedConnection, "execute", execute):
        yield


@contextmanager
def _counter_apart() -> Iterator[None]:
    """The client's command in one transaction, its counter in the next."""
    real = outbox.assign

    def assign(con: sqlite3.Connection) -> None:
        con.execute("COMMIT")
        con.execute("BEGIN IMMEDIATE")
        real(con)

    with patch.object(outbox, "assign", assign):
        yield


@contextmanager
def _send_before_commit() -> Iterator[None]:
    """The client's store returns first and commits with the next call."""

    def transact(self: Database, function: Callable[..., Any], *a: Any, **k: Any) -> Any:
        con = self._connection
        assert con is not None
        if con.in_transaction:
            con.execute("COMMIT")
        con.execute("BEGIN IMMEDIATE")
        return function(con, *a, **k)

    with patch.object(Database, "_transact", transact):
        yield


def _nothing(*_a: Any, **_k: Any) -> None:
    """In place of an fsync."""


@contextmanager
def _no_fsync() -> Iterator[None]:
    with patch.object(DurableFiles, "fsync", _nothing):
        yield


@contextmanager
def _no_folder_fsync() -> Iterator[None]:
    with patch.object(DurableFiles, "names_synced", lambda *_: nullcontext()):
        yield


@contextmanager
def _offset_before_data() -> Iterator[None]:
    """The durable offset moves, and only then the data is synced."""
    real = DurableFiles.fsync

    def fsync(self: DurableFiles, fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").readlink().name != "data":
            real(self, fd)

    with patch.object(DurableFiles, "fsync", fsync):
        yield


@contextmanager
def _settled_before_the_tables() -> Iterator[None]:
    """The journal is emptied in one transaction, and the tables follow in the next."""
    real = Journal.clear

    def clear(self: Journal) -> None:
        real(self)
        self._db.execute("COMMIT")
        self._db.execute("BEGIN IMMEDIATE")

    def transaction(self: Writer, work: Callable[[sqlite3.Connection], Any]) -> Any:
        def first_clear(db: sqlite3.Connection) -> Any:
            self._journal.clear()
            self._appender.flush()
            return work(db)

        return self._committed(first_clear)

    with patch.object(Journal, "clear", clear), patch.object(Writer, "transaction", transaction):
        yield


@contextmanager
def _journal_not_replayed() -> Iterator[None]:
    """A start empties the journal without having the tables follow."""

    def replay(self: Journal) -> Iterator[list[Write]]:
        self._db.execute("DELETE FROM journal")
        self.settled()
        self.stale = False
        yield from ()

    with patch.object(Journal, "replay", replay):
        yield


@contextmanager
def _start_without_sync() -> Iterator[None]:
    """A start goes by what a killed process has written, and does not sync it."""
    with patch.object(schema, "_make_durable", _nothing):
        yield


_SERVER: Final[dict[str, Planted]] = {
    "synchronous=NORMAL": _sql("PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"),
    "synchronous=OFF": _sql("PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"),
    "commit without fsync of the WAL": _lying("-wal"),
    "checkpoint without fsync of the database": _lying("im.db"),
    "ack before commit": _ack_before_commit,
    "outcome committed apart from the record": _outcome_apart,
    "journal emptied before the tables follow": _settled_before_the_tables,
    "journal not replayed": _journal_not_replayed,
}
_RECOVERY: Final[dict[str, Planted]] = {"start without sync": _start_without_sync}
_CLIENT: Final[dict[str, Planted]] = {
    "synchronous=NORMAL": _sql("PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"),
    "commit without fsync of the WAL": _lying("-wal"),
    "cursor committed apart from the record": _cursor_apart,
    "counter committed apart from the command": _counter_apart,
    "send returns before the commit": _send_before_commit,
}
_MEDIA: Final[dict[str, Planted]] = {
    "no fsync of files": _no_fsync,
    "no fsync of folders": _no_folder_fsync,
    "offset before its data": _offset_before_data,
}
#: By kind of run.
ALL: Final[dict[str, dict[str, Planted]]] = {
    "server": _SERVER,
    "recovery": _RECOVERY,
    "client": _CLIENT,
    "media": _MEDIA,
}
