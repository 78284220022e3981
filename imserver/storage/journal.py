"""The journal: what small batches said, a row each, until the tables say it too.

A message of a dialogue changes four pages of the tables, and a commit writes each page that it changed,
whole. So a batch of ordinary messages is first kept as its writes, packed into one row; the tables follow
many batches later, in one transaction with the removal of those rows. What a row means is what the appender
makes of its writes. Nothing else changes the tables in between, so after a crash it makes the same of them.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

import msgpack

from improtocol.entries import Kind
from imserver.storage.model import NO_ENTRY, StoreBroken, Write

#: What may wait for the tables: as much as a start replays, and a transaction writes, in about 30 ms. Not
#: `Final`, which would be fixed where this is compiled: tests and simulated worlds have other limits.
WRITES_MAX = 4_096
BYTES_MAX: Final = 1024 * 1024
#: What a recipient takes in a row, and more than he takes of the appender's memory until the tables follow.
_RECIPIENT_BYTES: Final = 5

_ORDINARY: Final = frozenset({NO_ENTRY, int(Kind.MESSAGE), int(Kind.READ)})


class Journal:
    """What waits on `db`, in the transactions of the caller. One thread writes; any may ask.

    After one that was rolled back, and at the start, it is `stale`: memory does not know the rows that are
    there. Then `replay` comes first.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._writes = 0
        self._bytes = 0
        #: Who wrote or got what waits, and where.
        self._users: set[int] = set()
        self._conversations: set[int] = set()
        self.stale = True

    @property
    def waits(self) -> bool:
        """Whether the tables may lack something."""
        return self.stale or self._writes > 0

    def concerns(self, users: Sequence[int], conversation: int = 0) -> bool:
        """Whether the tables may lack something of these."""
        return (
            self.stale
            or not self._users.isdisjoint(users)
            or (conversation > 0 and conversation in self._conversations)
        )

    def takes(self, writes: Sequence[Write], size: int) -> bool:
        """Whether these may wait: all ordinary (messages without media, read marks, refusals), and room.

        `size` is their `size_of`.
        """
        if self._writes + len(writes) > WRITES_MAX or self._bytes + size > BYTES_MAX:
            return False
        for write in writes:
            if (
                write.kind not in _ORDINARY
                or write.target
                or write.media
                or write.create is not None
                or write.members
                or write.title is not None
                or write.end_session
            ):
                return False
        return True

    def add(self, writes: Sequence[Write]) -> None:
        """Add a batch that it `takes`; once that is committed, `added`."""
        self._db.execute("INSERT INTO journal (writes) VALUES (?)", (pack_writes(writes),))

    def replay(self) -> Iterator[list[Write]]:
        """The batches that wait, in their order. Raises `StoreBroken` where a row is none."""
        self.settled()
        for id_, writes in rows(self._db):
            if writes is None:
                raise StoreBroken(f"row {id_} of the journal is no batch of writes; restore a backup")
            self.added(writes, size_of(writes))
            yield writes
        self.stale = False

    def clear(self) -> None:
        """Remove all rows, as the tables say what they say; once that is committed, `settled`."""
        if self._writes:
            self._db.execute("DELETE FROM journal")

    # What is told after a commit and not before it: until then readers need not wait for the batch, and must
    # not look into tables that do not say it.

    def added(self, writes: Sequence[Write], size: int) -> None:
        """These wait from now on."""
        for write in writes:
            self._conversations.add(write.conversation)
            self._users.add(write.author)
            self._users.update(write.recipients)
        self._writes += len(writes)
        self._bytes += size

    def settled(self) -> None:
        """Nothing waits any more."""
        self._writes = self._bytes = 0
        self._users.clear()
        self._conversations.clear()


def size_of(writes: Sequence[Write]) -> int:
    """About how many bytes these take in a row."""
    return sum([len(write.payload) + _RECIPIENT_BYTES * len(write.recipients) for write in writes])


def rows(db: sqlite3.Connection) -> Iterator[tuple[int, list[Write] | None]]:
    """(id, what it says) of all rows, in their order; None: it is no batch."""
    for id_, packed in db.execute("SELECT id, writes FROM journal ORDER BY id"):
        try:
            yield id_, unpack_writes(packed)
        except ValueError:
            yield id_, None


def pack_writes(writes: Sequence[Write]) -> bytes:
    """A row, of a batch that a journal takes."""
    packed: bytes = msgpack.packb(
        [
            (
                write.device,
                write.counter,
                write.digest,
                write.code,
                write.value,
                write.at_ms,
                write.author,
                write.author_name,
                write.conversation,
                write.kind,
                write.payload,
                write.recipients,
            )
            for write in writes
        ]
    )
    return packed


def unpack_writes(packed: bytes) -> list[Write]:
    """The batch of a row. Raises `ValueError` when it is none."""
    try:
        return [
            Write(
                device=device,
                counter=counter,
                digest=digest,
                code=code,
                value=value,
                at_ms=at_ms,
                author=author,
                author_name=author_name,
                conversation=conversation,
                kind=kind,
                payload=payload,
                recipients=recipients,
            )
            for (
                device,
                counter,
                digest,
                code,
                value,
                at_ms,
                author,
                author_name,
                conversation,
                kind,
                payload,
                recipients,
            ) in msgpack.unpackb(packed)
        ]
    except (TypeError, ValueError, msgpack.UnpackException) as error:
        raise ValueError(f"not a batch of writes ({error})") from None
