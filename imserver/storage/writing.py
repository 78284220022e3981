"""The one writing connection: transactions that end whole, checkpoints, and the end after a failure (G7)."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from imserver.storage.appending import Appender
from imserver.storage.model import Marks, Placed, StoreBroken, StoreFull, Write, log_bytes

#: A checkpoint is due after about this many changed pages (WAL pages of 4 KiB, guessed from rows and
#: bytes). More than SQLite's 1,000: the tails of logs change again and again, and a later checkpoint writes
#: them once.
CHECKPOINT_ROWS: Final = 8_192
#: A WAL longer than this is read back in full once: readers then wait for the checkpoint instead of it for
#: them.
WAL_PAGES_MAX: Final = 65_536

#: Out of room and nothing lost by it. SHMSIZE: the index beside the WAL could not grow.
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})

T = TypeVar("T")


class Writer:
    """Runs work in transactions on the connection it is given, which nobody else uses.

    `guard` opens another connection that can only read; see `close`.
    """

    def __init__(self, db: sqlite3.Connection, guard: Callable[[], sqlite3.Connection] | None = None) -> None:
        self.db = db
        self._guard = guard
        self._appender = Appender(db)
        self._broken: str | None = None
        self._rows_before = db.total_changes
        self._bytes = 0

    def append(self, writes: Sequence[Write], marks: Marks | None) -> list[Placed]:
        """See `Store.append`."""
        self._bytes += sum(len(write.payload) for write in writes)
        return self.transaction(lambda _: self._appender.append(writes, marks))

    def trim_logs(self, trim: "Trim", user: int) -> tuple[int, int | None]:
        """One transaction of `trim`: how many entries went, and the user to go on with (None: done)."""
        dropped, following = self.transaction(lambda db: trim_logs(db, trim, user))
        if dropped:
            self._appender.forget_logs()
        return dropped, following

    def forget(self) -> None:
        """Drop the cached heads; they are read again when needed."""
        self._appender.forget()

    def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one durable transaction.

        Raises:
            StoreFull: no room; rolled back whole.
            StoreBroken: anything else that SQLite could not do, now or before. After a failed sync SQLite
            would
                go on committing on pages that may be lost, so nothing is tried any more.
            BaseException: whatever else `work` raises, rolled back whole.
        """
        if self._broken is not None:
            raise StoreBroken(self._broken)
        db = self.db
        try:
            db.execute("BEGIN IMMEDIATE")
            result = work(db)
            db.execute("COMMIT")
        except BaseException as error:
            raise self._rolled_back(error) from error
        self._checkpoint_if_due()
        return result

    def _rolled_back(self, error: BaseException) -> BaseException:
        """What the caller is told; the transaction is gone, or the writer is broken."""
        self._appender.forget()
        told = error
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) in _FULL:
            told = StoreFull(f"no room: {error}")
        elif isinstance(error, sqlite3.Error):
            told = self._break(describe(error))
        elif isinstance(error, StoreBroken):
            self._broken = str(error)
        try:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
        except sqlite3.Error as failed:
            return self._break(f"rollback: {describe(failed)}")
        return told

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
            if getattr(error, "sqlite_errorcode", None) not in _FULL:
                raise self._break(f"checkpoint: {describe(error)}") from error

    def close(self) -> None:
        """Checkpoint as far as it goes, and give the connection back. After a failure nothing is written.

        Raises:
            StoreBroken: the checkpoint failed.
        """
        try:
            if self._broken is None:
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


#: The first entry of those that the count lets stay that is not too old.
_YOUNG: Final = """
    SELECT l.position + coalesce(r.seq - l.seq, 0) FROM log l
    LEFT JOIN record r ON l.reader IS NULL AND r.conversation = l.conversation
        AND r.seq BETWEEN l.seq + max(0, ?3 + 1 - l.position) AND l.seq + min(l.count - 1, ?4 - l.position)
    WHERE l.user = ?1 AND coalesce(l.at_ms, r.at_ms) >= ?2 AND l.position + l.count > ?3 + 1
        AND l.position <= ?4
    ORDER BY l.position, r.seq LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Trim:
    """What `Store.trim_logs` is to trim, and how much of it in one transaction: appends wait for its end.

    Looking at a user's log takes 25 us also where nothing goes.
    """

    before_ms: int
    positions_kept_max: int
    rows_max: int
    users_max: int


def trim_logs(db: sqlite3.Connection, trim: Trim, first: int) -> tuple[int, int | None]:
    """Trim the logs of users from `first` on. Returns as `Writer.trim_logs`."""
    before_ms, rows_max = trim.before_ms, trim.rows_max
    dropped = looked = 0
    user = first
    while True:
        (user,) = db.execute("SELECT min(user) FROM log WHERE user >= ?", (user,)).fetchone()
        if user is None or dropped >= rows_max or looked >= trim.users_max:
            return dropped, user
        looked += 1
        oldest, head = db.execute(
            "SELECT (SELECT min(position) FROM log WHERE user = ?1),"
            " (SELECT position + count - 1 FROM log WHERE user = ?1 ORDER BY position DESC LIMIT 1)",
            (user,),
        ).fetchone()
        # One huge log must not make one huge transaction.
        most = min(head, oldest - 1 + rows_max - dropped)
        surplus = head - trim.positions_kept_max
        (young,) = db.execute(_YOUNG, (user, before_ms, surplus, most)).fetchone() or (most + 1,)
        floor = min(most, max(young - 1, surplus))
        if floor >= oldest:
            _trim_log(db, user, floor)
            dropped += floor - oldest + 1
        # Where the rows ran out there may be more of the same user.
        user += dropped < rows_max


def _trim_log(db: sqlite3.Connection, user: int, floor: int) -> None:
    """Drop the positions up to `floor`, which is one of them; the run that it cuts keeps its rest."""
    # Within a run no sum is kept. One that is less by the least that an entry counts still rises.
    db.execute(
        "INSERT OR REPLACE INTO log_floor"
        " SELECT user, ?2, bytes_total - ?3 * (position + count - 1 - ?2) FROM log"
        " WHERE user = ?1 AND position <= ?2 ORDER BY position DESC LIMIT 1",
        (user, floor, log_bytes(b"") + 1),
    )
    db.execute(
        "UPDATE log SET position = ?2 + 1, seq = seq + (?2 + 1 - position),"
        " count = count - (?2 + 1 - position)"
        " WHERE user = ?1 AND position <= ?2 AND position + count > ?2 + 1",
        (user, floor),
    )
    db.execute("DELETE FROM log WHERE user = ? AND position <= ?", (user, floor))
