"""What a store promised in a run, and where in its disk's log: what each image is held to."""

import hashlib
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from imserver.sim.disks import Recorder
from imserver.storage.writing import Writer

T = TypeVar("T")


class Violation(AssertionError):
    """An image breaks a promise: `what`, found at cut `number` of its run."""

    def __init__(self, what: str, number: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.number = number


@dataclass(slots=True)
class Promise:
    """One call of the store: log positions at its begin and at its return, and the tables as it left them.

    `kept` is None for a call that did not return; `state` is what `digest` says.
    """

    begun: int
    kept: int | None = None
    state: bytes = b""
    facts: list[Any] = field(default_factory=list)


class Promises:
    """All calls of a run, in order. The first is the opening of the store."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.made: list[Promise] = []

    async def note(self, call: Callable[[], Awaitable[T]], state: Callable[[], bytes], facts: list[Any]) -> T:
        """Make a call and note what it promised: `facts`, which may be filled in by the call."""
        promise = Promise(begun=self.recorder.position, facts=facts)
        self.made.append(promise)
        result = await call()
        promise.kept = self.recorder.position
        promise.state = state()
        return result

    def forget_last(self) -> None:
        """The last call raised and promised to have done nothing."""
        self.made.pop()

    def at(self, position: int) -> tuple[int, int]:
        """(kept, begun): how many promises were given, and how many calls begun, when the power went."""
        kept = sum(promise.kept is not None and promise.kept <= position for promise in self.made)
        begun = sum(promise.begun <= position for promise in self.made)
        return kept, begun

    def check_state(self, found: bytes, position: int) -> int:
        """Which call's state it is, as an index; every promise given must be in it.

        Raises:
            Violation: it is another state than any that may be.
        """
        kept, begun = self.at(position)
        for index in range(begun - 1, max(kept - 2, -1), -1):
            # A call under way counts by the state it would have left.
            if self.made[index].state == found:
                return index
        for index in range(kept - 2, -1, -1):
            if self.made[index].state == found:
                raise Violation(f"{kept} calls had returned, the image is as after call {index + 1}")
        raise Violation(f"the image is as after no call at all ({kept} had returned, {begun} were begun)")


def tables(db: sqlite3.Connection) -> list[str]:
    """The tables that hold data, by name."""
    rows = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_stat%' ORDER BY name"
    )
    return [name for (name,) in rows]


def settled(db: sqlite3.Connection) -> sqlite3.Connection:
    """A copy in memory on which the server's tables have followed its journal."""
    whole = bytearray(db.serialize())
    whole[18:20] = b"\1\1"  # a database in memory has no WAL (sqlite.org/fileformat.html, 1.3.3)
    copy = sqlite3.connect(":memory:", isolation_level=None)
    copy.deserialize(bytes(whole))
    Writer(copy).settle()
    return copy


def settled_digest(db: sqlite3.Connection) -> bytes:
    """`digest`, once the tables have followed the journal."""
    with closing(settled(db)) as copy:
        return digest(copy)


def digest(db: sqlite3.Connection) -> bytes:
    """All rows of all tables, to the byte; in which order SQLite reads them is nothing that was promised."""
    whole = hashlib.blake2b(digest_size=16)
    for table in tables(db):
        rows = sorted(repr(tuple(row)) for row in db.execute(f"SELECT * FROM {table}"))
        whole.update(f"{table}{rows}".encode())
    return whole.digest()
