"""One SQLite connection on worker threads: transactions, locking, errors by whose fault they are."""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import trio

from imsdk.errors import Stopped, StorageError, StorageFull
from imsdk.store import schema
from imsdk.store.lock import FolderLock

P = ParamSpec("P")
T = TypeVar("T")

#: `sqlite3.connect`, or what stands in for it on a simulated disk.
Connect = Callable[..., sqlite3.Connection]

FILE_NAME: Final = "chat.sqlite"


class Database:
    """`folder`/chat.sqlite, or a database in memory when `folder` is None.

    WAL and synchronous=FULL: NORMAL lost committed transactions in simulated power cuts (1,393 of 5,000 crash
    images), FULL did not; a phone sends a few messages a minute, so the fsync costs nothing that matters.

    Args:
        folder: made when it is not there; locked against other processes while open.
        inline: run statements in the calling thread.
        connection: a set up database that outlives this object, in place of one of its own.
        connect: opens a connection.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        inline: bool,
        connection: sqlite3.Connection | None = None,
        connect: Connect = sqlite3.connect,
    ) -> None:
        self._given = connection
        self._connect = connect
        self.folder = folder
        self._inline = inline
        self._connection: sqlite3.Connection | None = None
        self._lock = None if folder is None else FolderLock(folder)
        self._broken: StorageError | None = None
        # One token: statements run one after the other, each in a worker thread of its own choosing.
        self._limiter = trio.CapacityLimiter(1)

    async def run(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], *a: P.args, **k: P.kwargs
    ) -> T:
        """`function(connection, ...)` as one transaction.

        Not interrupted by cancelling, so both sides of it know the outcome. After a failure of the disk
        nothing is done any more, until it was closed and opened again.
        """
        return await self._call(partial(self._transact, function, *a, **k))

    async def _call(self, call: Callable[[], T]) -> T:
        if self._inline:
            return call()
        with trio.CancelScope(shield=True):
            return await trio.to_thread.run_sync(call, limiter=self._limiter)
        raise AssertionError(
            "a shielded scope is never cancelled"
        )  # pragma: no cover - tells the type checker

    def _transact(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], *a: P.args, **k: P.kwargs
    ) -> T:
        con = self._connection
        if con is None:
            raise Stopped("this client is closed")
        if self._broken is not None:
            raise StorageError(str(self._broken)) from self._broken
        try:
            con.execute("BEGIN IMMEDIATE")
            try:
                result = function(con, *a, **k)
                con.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled back by itself already.
                if con.in_transaction:
                    con.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            told = _storage_error(error)
            if not isinstance(told, StorageFull):
                # After a failed sync SQLite would go on committing, on pages that the disk may have lost.
                self._broken = told
            raise told from error
        return result

    async def open(self) -> None:
        """Lock, open, migrate. Raises `StorageLocked`, `StorageNewer`, `StorageError`."""
        await self._call(self._open)

    def _open(self) -> None:
        if self._given is not None:
            self._connection = self._given
            return
        try:
            if self._lock is not None and self.folder is not None:
                self._lock.acquire()
            con = self._connect_to_file()
            try:
                (version,) = con.execute("PRAGMA user_version").fetchone()
                if not version:
                    # Where the power went while the file was made, reading has undone the beginning. But
                    # SQLite keeps the vacuum settings that it read out of the torn header before, and would
                    # give them to the new file. A connection that finds the file empty has none.
                    con.close()
                    con = self._connect_to_file()
                con.execute("PRAGMA journal_mode = WAL")
                con.execute("PRAGMA synchronous = FULL")
                con.execute("PRAGMA temp_store = MEMORY")
                self._make_durable(con)
                schema.migrate(con)
            except BaseException:
                con.close()
                raise
        except BaseException as error:
            if self._lock is not None:
                self._lock.release()
            if isinstance(error, sqlite3.Error):
                raise _storage_error(error) from error
            if isinstance(error, OSError):
                raise StorageError(f"the local store cannot be opened: {error}") from error
            raise
        self._connection = con
        self._broken = None

    def _connect_to_file(self) -> sqlite3.Connection:
        path = ":memory:" if self.folder is None else str(self.folder / FILE_NAME)
        return self._connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)

    def _make_durable(self, con: sqlite3.Connection) -> None:
        """Sync what is in the WAL before anybody acts on it.

        A process that was killed before its sync, or whose sync failed, leaves commits there that only the
        kernel's memory has. A sync alone would not write those again whose sync failed; a checkpoint does.
        """
        wal = None if self.folder is None else self.folder / f"{FILE_NAME}-wal"
        if wal is None or not wal.exists() or not wal.stat().st_size:
            return
        try:
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            (version,) = con.execute("PRAGMA user_version").fetchone()
            if version:
                con.execute("UPDATE state SET id = id")  # the shorter WAL is synced with the next commit
        except sqlite3.Error as error:
            if not isinstance(_storage_error(error), StorageFull):
                raise  # else: no room for pages, but before these the WAL was synced

    async def close(self) -> None:
        """Let go of everything."""

        def close() -> None:
            con, self._connection = self._connection, None
            if con is not None and con is not self._given:
                con.close()
            if self._lock is not None:
                self._lock.release()

        await self._call(close)


def _storage_error(error: sqlite3.Error) -> StorageError:
    code = getattr(error, "sqlite_errorcode", 0) or 0
    if code & 0xFF == sqlite3.SQLITE_FULL:
        return StorageFull("there is no room on the device")
    return StorageError(f"the local store failed: {error}")
