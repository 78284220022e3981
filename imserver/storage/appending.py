"""The hot writer: a batch of writes as SQL on one connection. Synchronous.

The caller opens and ends the transaction. Sequence numbers and positions are given from bounded caches of
heads, filled from the tables on a miss. After a rollback the caller must `forget`: the caches then know of
rows that never were.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final, TypeVar

from improtocol.digest import record_digest
from improtocol.entries import ERASED_PAYLOAD, Kind
from imserver.storage.digests import erase
from imserver.storage.ends import Run, Stream, conversation_head, load_run, load_stream
from imserver.storage.erasing import erased_payload
from imserver.storage.model import (
    NO_ENTRY,
    Marks,
    MemberChange,
    NewConversation,
    Placed,
    StoreBroken,
    Write,
    log_bytes,
)
from imserver.storage.outcomes import RING_BYTES_MAX, pack_outcome

#: Entries of each cache; about 16 MB in all when full.
CACHED_MAX: Final = 16_384

_RECORD: Final = "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_RUN: Final = "INSERT OR REPLACE INTO log VALUES (?, ?, ?, ?, 0, ?, NULL, NULL, ?)"
_READ_MARK: Final = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)"
_READ: Final = "UPDATE member SET read = ?1 WHERE conversation = ?2 AND user = ?3 AND read < ?1"

T = TypeVar("T")


class Appender:
    """Carries out batches on `db`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._heads: dict[int, int] = {}
        self._logs: dict[int, Run] = {}
        self._streams: dict[int, Stream] = {}
        self._records: list[tuple[int, int, int, int, int, int, bytearray, int, int]] = []
        self._runs: list[Run] = []
        self._marks: list[tuple[int, int, int, int, int, int, int, int]] = []
        self._reads: list[tuple[int, int, int]] = []
        self._touched: dict[int, Stream] = {}
        self._ended: list[int] = []

    def forget(self) -> None:
        """Drop what is cached and what was collected."""
        for kept in (self._heads, self._logs, self._streams, self._touched):
            kept.clear()
        for collected in (self._records, self._runs, self._marks, self._reads, self._ended):
            collected.clear()

    def forget_logs(self) -> None:
        """Logs were trimmed, after a `flush`."""
        self._logs.clear()

    def place(self, writes: Sequence[Write]) -> list[Placed]:
        """Give the writes their places; what is to be written waits for the `flush`. Raises as `append`."""
        return [self._apply(write) for write in writes]

    def append(self, writes: Sequence[Write], marks: Marks | None) -> list[Placed]:
        """See `Store.append`; what was placed before is written as well.

        Raises `StoreBroken` or an error of SQLite; then roll back and `forget`.
        """
        placed = self.place(writes)
        self.flush()
        if marks is not None:
            self._rise(marks)
        return placed

    def flush(self) -> None:
        """Write what was placed. Only then the caches may lose where it ends."""
        self._flush()
        self._flush_devices()
        _evict(self._heads)
        _evict(self._logs)
        _evict(self._streams)

    # One write -------------------------------------------------------------------------------------------

    def _apply(self, write: Write) -> Placed:
        stream = None
        if write.device:
            stream = self._touched.get(write.device) or self._stream(write.device)
            if write.counter != stream.accepted + 1:
                raise StoreBroken(f"device {write.device}: counter {write.counter} after {stream.accepted}")
        placed = Placed(0, ()) if write.code else self._place(write)
        if stream is not None:
            stream.accepted = write.counter
            stream.ring += pack_outcome(write.digest, write.code, placed.seq or write.value, write.at_ms)
            if write.end_session and not write.code:
                self._ended.append(write.device)
        return placed

    def _place(self, write: Write) -> Placed:
        kind = write.kind
        if write.create is not None:
            self._create(write.create, write.at_ms)
        if kind == NO_ENTRY and not write.members and write.title is None:
            return Placed(0, ())
        conversation = write.conversation
        head = self._head(conversation)
        if write.members:
            self._flush()
            for change in write.members:
                self._change_member(conversation, change, head)
        if write.title is not None:
            self._db.execute("UPDATE conversation SET title = ? WHERE id = ?", (write.title, conversation))
        if kind == NO_ENTRY:
            return Placed(0, ())
        if kind == Kind.READ:
            self._reads.append((write.value, conversation, write.author))
            return Placed(0, self._log_read(write))
        seq = head + 1
        payload = write.payload
        if write.target:
            payload = self._change_record(write)
        digest = record_digest(kind, write.at_ms, write.author_name, conversation, write.payload)
        # A bytearray, like ints and unlike bytes and None, is bound without asking for an adapter first: that
        # costs 0.4 us a value (CPython 3.11, Modules/_sqlite/statement.c, `need_adapt`).
        blob = bytearray(payload)
        self._records.append(
            (conversation, seq, kind, write.at_ms, write.author, write.target, blob, digest, write.device)
        )
        self._heads[conversation] = seq
        if write.media and payload is write.payload:
            shown = [(conversation, seq, sha256) for sha256 in set(write.media)]
            self._db.executemany("INSERT INTO media VALUES (?, ?, ?)", shown)
        return Placed(seq, self._log(write, seq), digest)

    def _log(self, write: Write, seq: int) -> list[int]:
        logs, conversation, size = self._logs, write.conversation, log_bytes(write.payload)
        positions = []
        for user in write.recipients:
            run = logs.get(user) or load_run(self._db, user)
            if run.conversation == conversation and run.seq + run.count == seq:
                run.count += 1
                run.total += size
            else:
                run = Run(user, run.position + run.count, conversation, seq, run.total + size, 1)
            logs[user] = run
            if not run.changed:
                run.changed = True
                self._runs.append(run)
            positions.append(run.position + run.count - 1)
        return positions

    def _log_read(self, write: Write) -> list[int]:
        conversation, author, seq = write.conversation, write.author, write.value
        positions = []
        for user in write.recipients:
            run = self._logs.get(user) or load_run(self._db, user)
            position, total = run.position + run.count, run.total + log_bytes(ERASED_PAYLOAD)
            device = write.device if user == author else 0
            self._marks.append((user, position, conversation, seq, device, total, author, write.at_ms))
            self._logs[user] = Run(user, position, 0, 0, total, 1)
            positions.append(position)
        return positions

    def _create(self, new: NewConversation, at_ms: int) -> None:
        low, high = new.direct_users or (0, 0)
        self._db.execute(
            "INSERT INTO conversation VALUES (?, ?, ?, ?, ?, ?, ?)",
            (new.id, new.app, new.type, new.title, at_ms, low, high),
        )
        self._heads[new.id] = 0

    def _change_member(self, conversation: int, change: MemberChange, head: int) -> None:
        if change.role is None:
            self._db.execute(
                "DELETE FROM member WHERE conversation = ? AND user = ?", (conversation, change.user)
            )
            return
        self._db.execute(
            "INSERT INTO member VALUES (?1, ?2, ?3, ?4 + 1, ?4, ?4)"
            " ON CONFLICT DO UPDATE SET role = excluded.role",
            (conversation, change.user, change.role, head),
        )

    def _change_record(self, write: Write) -> bytes:
        """Do to the target what the write says; returns the payload to keep."""
        key = (write.conversation, write.target)
        if write.kind == Kind.RECALLED:
            self._flush()
            erase(self._db, write.conversation, write.target)
        elif write.kind == Kind.EDITED:
            # Core refuses to edit what was recalled; were it not to, the text must be no less gone.
            self._flush()
            row = self._db.execute(
                "SELECT payload FROM record WHERE conversation = ? AND seq = ?", key
            ).fetchone()
            if row is not None and row[0] == ERASED_PAYLOAD:
                return erased_payload(write.kind, write.target) or write.payload
        return write.payload

    # Writing what was collected --------------------------------------------------------------------------

    def _flush(self) -> None:
        if self._records:
            self._db.executemany(_RECORD, self._records)
            self._records.clear()
        if self._runs:
            rows = [(r.user, r.position, r.conversation, r.seq, r.total, r.count) for r in self._runs]
            self._db.executemany(_RUN, rows)
            for run in self._runs:
                run.changed = False
            self._runs.clear()
        if self._marks:
            self._db.executemany(_READ_MARK, self._marks)
            self._marks.clear()
        if self._reads:
            self._db.executemany(_READ, self._reads)
            self._reads.clear()

    def _flush_devices(self) -> None:
        for stream in self._touched.values():
            del stream.ring[:-RING_BYTES_MAX]
        if self._touched:
            self._db.executemany(
                "UPDATE device SET accepted = ?, outcomes = ? WHERE id = ?",
                [(stream.accepted, stream.ring, device) for device, stream in self._touched.items()],
            )
            self._touched.clear()
        if self._ended:
            self._db.executemany(
                "UPDATE device SET session = 0, secret_hash = x'', expires_ms = 0 WHERE id = ?",
                [(device,) for device in self._ended],
            )
            self._ended.clear()

    def _rise(self, marks: Marks) -> None:
        if marks.acked:
            self._db.executemany(
                "UPDATE device SET acked = ?2 WHERE id = ?1 AND acked < ?2", list(marks.acked.items())
            )
        if marks.seen_ms:
            self._db.executemany(
                "UPDATE device SET seen_ms = ?2 WHERE id = ?1 AND seen_ms < ?2", list(marks.seen_ms.items())
            )
        if marks.delivered:
            self._db.executemany(
                "UPDATE member SET delivered = ?3 WHERE conversation = ?1 AND user = ?2 AND delivered < ?3",
                [(*key, seq) for key, seq in marks.delivered.items()],
            )

    # Heads -----------------------------------------------------------------------------------------------

    def _stream(self, device: int) -> Stream:
        stream = self._streams.pop(device, None)
        if stream is None:
            stream = load_stream(self._db, device)
        # Put at the end: the first ones are evicted.
        self._streams[device] = self._touched[device] = stream
        return stream

    def _head(self, conversation: int) -> int:
        head = self._heads.pop(conversation, None)
        if head is None:
            head = conversation_head(self._db, conversation)
            if head is None:
                raise StoreBroken(f"a write to conversation {conversation}, which is unknown")
        self._heads[conversation] = head
        return head


def _evict(cache: dict[int, T]) -> None:
    while len(cache) > CACHED_MAX:
        del cache[next(iter(cache))]
