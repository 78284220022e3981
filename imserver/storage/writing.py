"""The one writing connection: transactions that end whole, checkpoints, and the end after a failure (G7).

Small batches go to the journal first; whatever else is written or read comes after the tables have followed.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from typing import Final, TypeVar

from imserver.storage.appending import Appender
from imserver.storage.journal import Journal, size_of
from imserver.storage.model import Marks, Placed, StoreBroken, StoreFull, Write
from imserver.storage.schema import SETTLING_CACHE_KIB, WRITER_CACHE_KIB, is_full, set_cache
from imserver.storage.trimming import Trim, trim_logs

#: A checkpoint is due after about this many changed pages (WAL pages of 4 KiB, guessed from rows and
#: bytes). More than SQLite's 1,000: the tails of logs change again and again, and a later checkpoint writes
#: them once.
CHECKPOINT_ROWS: Final = 8_192
#: A WAL longer than this is read back in full once: readers then wait for the checkpoint instead of it for
#: them.
WAL_PAGES_MAX: Final = 65_536

T = TypeVar("T")


class Writer:
    """Runs work in transactions on the connection it is given, which nobody else uses.

    `guard` opens another connection that can only read; see `close`.
    """

    def __init__(self, db: sqlite3.Connection, guard: Callable[[], sqlite3.Connection] | None = None) -> None:
        self.db = db
        self._guard = guard
        self._appender = Appender(db)
        self._journal = Journal(db)
        self._broken: str | None = None
        self._rows_before = db.total_changes
        self._bytes = 0

    @property
    def unsettled(self) -> bool:
        """Whether the tables may lack something that was committed. Any thread may ask."""
        return self._journal.waits

    def unsettled_of(self, users: Sequence[int] = (), conversation: int = 0) -> bool:
        """Whether they may lack something of these."""
        return self._journal.concerns(users, conversation)

    def append(self, writes: Sequence[Write], marks: Marks | None) -> list[Placed]:
        """See `Store.append`."""
        size = size_of(writes)
        self._bytes += size
        if marks is None and self._journal.takes(writes, size):
            return self._committed(
                lambda _: self._journaled(writes), lambda: self._journal.added(writes, size)
            )
        return self._committed(lambda _: self._appender.append(writes, marks))

    def settle(self) -> bool:
        """Have the tables say everything; False when there is no room for that. Raises `StoreBroken`."""
        if not self.unsettled:
            return True
        # Its own sync is spared: until the next one the rows are in the journal as well, further up the WAL.
        self.db.execute("PRAGMA synchronous = NORMAL")
        try:
            self.transaction(lambda _: None)
        except StoreFull:
            return False
        finally:
            self.db.execute("PRAGMA synchronous = FULL")
        return True

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which only reads, where `settle` has no room: on tables that say it only to `work`."""
        if self._broken is not None:
            raise StoreBroken(self._broken)
        # What is changed and not committed stays in memory: there is no room for it in the WAL either.
        self.db.execute("PRAGMA cache_spill = OFF")
        try:
            self._begin()
            self._appender.flush()
            result = work(self.db)
        except BaseException as error:
            raise self._rolled_back(error) from error
        finally:
            self.db.execute("PRAGMA cache_spill = ON")
        if (failed := self._undo()) is not None:
            raise failed
        return result

    def trim_logs(self, trim: Trim, user: int) -> tuple[int, int | None]:
        """One transaction of `trim`: how many entries went, and the user to go on with (None: done)."""
        dropped, following = self.transaction(lambda db: trim_logs(db, trim, user))
        if dropped:
            self._appender.forget_logs()
        return dropped, following

    def forget(self) -> None:
        """Drop what memory knows of the tables and the journal; it is read again when needed."""
        self._appender.forget()
        self._journal.stale = True

    def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one durable transaction, on tables that say everything.

        Raises:
            StoreFull: no room; rolled back whole.
            StoreBroken: anything else that SQLite could not do, now or before. After a failed sync SQLite
                would go on committing on pages that may be lost, so nothing is tried any more.
            BaseException: whatever else `work` raises, rolled back whole.
        """

        def on_tables(db: sqlite3.Connection) -> T:
            self._appender.flush()
            return work(db)

        return self._committed(on_tables)

    def _journaled(self, writes: Sequence[Write]) -> list[Placed]:
        placed = self._appender.place(writes)
        self._journal.add(writes)
        return placed

    def _committed(
        self, work: Callable[[sqlite3.Connection], T], added: Callable[[], None] | None = None
    ) -> T:
        """As `transaction`; `added` tells the journal of work that leaves something to it."""
        if self._broken is not None:
            raise StoreBroken(self._broken)
        settles = added is None and self.unsettled
        try:
            if settles:
                set_cache(self.db, SETTLING_CACHE_KIB)
            self._begin()
            result = work(self.db)
            if settles:
                self._journal.clear()
            self.db.execute("COMMIT")
        except BaseException as error:
            raise self._rolled_back(error) from error
        finally:
            if settles:
                set_cache(self.db, WRITER_CACHE_KIB)
        (added or self._journal.settled)()
        self._checkpoint_if_due()
        return result

    def _begin(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        if self._journal.stale:
            for writes in self._journal.replay():
                self._appender.place(writes)

    def _rolled_back(self, error: BaseException) -> BaseException:
        """What the caller is told; the transaction is gone, or the writer is broken."""
        told = error
        if isinstance(error, sqlite3.Error) and is_full(error):
            told = StoreFull(f"no room: {error}")
        elif isinstance(error, sqlite3.Error):
            told = self._break(describe(error))
        elif isinstance(error, StoreBroken):
            self._broken = str(error)
        return self._undo() or told

    def _undo(self) -> StoreBroken | None:
        """Roll back, and forget what memory knows of it. Returns what went wrong."""
        self.forget()
        try:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
        except sqlite3.Error as failed:
            return self._break(f"rollback: {describe(failed)}")
        return None

    def _break(self, reason: str) -> StoreBroken:
        self._broken = reason
        return StoreBroken(reason)

    def _checkpoint_if_due(self) -> None:
        rows = self.db.total_changes - self._rows_before + self._bytes // 4096
        if rows >= CHECKPOINT_ROWS:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Copy the WAL into the database as far as readers let it.

        A full disk is no harm: the WAL keeps everything, and the next one tries again.

        Raises:
            StoreBroken: an I/O error; a page that a failed sync lost might be taken for written by the next.
        """
        self._rows_before = self.db.total_changes
        self._bytes = 0
        try:
            _, pages, _ = self.db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages > WAL_PAGES_MAX:
                self.db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except sqlite3.Error as error:
            if not is_full(error):
                raise self._break(f"checkpoint: {describe(error)}") from error

    def close(self) -> None:
        """Settle and checkpoint as far as it goes, and give the connection back; after a failure, only that.

        Raises:
            StoreBroken: the checkpoint failed.
        """
        try:
            if self._broken is None:
                self.settle()
                self.checkpoint()
        finally:
            if self._broken is None:
                self.db.close()
            else:
                self._close_untouched()

    def _close_untouched(self) -> None:
        """Close without SQLite's own checkpoint, which the last connection to close makes.

        So another one, which cannot write, is made to be the last.
        """
        with ExitStack() as stack:
            with suppress(sqlite3.Error):
                if self._guard is not None:
                    guard = stack.enter_context(closing(self._guard()))
                    guard.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self.db.close()


def describe(error: sqlite3.Error) -> str:
    """SQLite's text with the name of its code."""
    return f"{error} ({getattr(error, 'sqlite_errorname', type(error).__name__)})"
