"""The server's store on a simulated drive: the real one, slow and wrong at will, watched at each commit."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, TypeVar

import trio

from improtocol.entries import Kind
from imserver.sim.deterministic import Turn
from imserver.sim.model import Model
from imserver.storage.driver import Lacking, anything
from imserver.storage.model import LogEntry, Marks, Placed, StoreBroken, Write
from imserver.storage.sqlite import SqliteStore
from imserver.storage.writing import Writer

if TYPE_CHECKING:
    from imserver.sim.server import Server, ServerLife
    from imserver.sim.world import World

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone. Not an `Exception`: nothing in it may carry on."""


class SimDriver:
    """A storage driver without threads, slow at will, that a kill cuts off between any two steps."""

    def __init__(self, server: "Server", life: "ServerLife") -> None:
        self._server = server
        self._life = life
        self.writer = Writer(server.drive.database)
        self._turn = Turn()

    async def write(self, work: Callable[[Writer], T]) -> T:
        """See `imserver.storage.driver.Driver`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        async with self._turn:
            await self._wait("server_slow_before_commit")
            if self._life.failing:
                self._life.failing = False
                if self._server.rng.random() < 0.5:
                    work(self.writer)
                raise StoreBroken("simulated: the disk has failed")
            result = work(self.writer)
            self._server.drive.settle()
            await self._wait("server_slow_after_commit")
            return result

    async def read(self, work: Callable[[sqlite3.Connection], T], lacking: Lacking = anything) -> T:
        """See `imserver.storage.driver.Driver`."""
        await self._wait("server_slow_read")
        if lacking(self.writer):
            if not self.writer.settle():
                with self._server.room_in_memory():
                    return self.writer.read(work)
            self._server.drive.settle()
        return work(self._server.drive.database)

    async def failed(self) -> NoReturn:
        """See `imserver.storage.driver.Driver`."""
        await trio.sleep_forever()

    async def _wait(self, site: str) -> None:
        rng, buggify = self._server.rng, self._server.world.buggify
        self._life.check()
        span_s = rng.uniform(0.1, 1.5) if buggify(site) else rng.uniform(0.0002, 0.004)
        await self._server.world.timers.sleep_through(span_s)
        self._life.check()


class WatchedStore(SqliteStore):
    """The real store; the model hears of each commit at the moment it is durable."""

    def __init__(self, driver: SimDriver, epoch: int, model: Model, world: "World") -> None:
        super().__init__(driver, epoch)
        self._model = model
        self._world = world

    async def append(self, writes: Sequence[Write], marks: Marks | None = None) -> list[Placed]:
        """See `Store`."""
        placed = await self._guarded(lambda writer: self._append(writer, writes, marks))
        if self._world.buggify("server_trims"):
            self._world.server.trim()
        return placed

    async def log_range(self, user: int, after: int, *, limit: int, bytes_max: int) -> list[LogEntry]:
        """See `Store`. At times the disk gives a byte that is not the one it was given."""
        found = await super().log_range(user, after, limit=limit, bytes_max=bytes_max)
        return [self._flip(user, one) for one in found] if self._world.server.flips else found

    def _flip(self, user: int, logged: LogEntry) -> LogEntry:
        server, entry = self._world.server, logged.entry
        if not server.flips or user in self._model.flipped or entry.kind != Kind.MESSAGE:
            return logged
        server.flips = False
        payload = bytearray(entry.payload)
        payload[-1] ^= 1 << server.rng.randrange(3)
        changed = replace(entry, payload=bytes(payload))
        self._model.flipped[user] = changed
        self._world.trace.note("flip", user, entry.conversation, entry.seq)
        return logged._replace(entry=changed)

    def _append(self, writer: Writer, writes: Sequence[Write], marks: Marks | None) -> list[Placed]:
        placed = writer.append(writes, marks)
        self._model.committed(writes, placed)
        for write, place in zip(writes, placed, strict=True):
            if write.create is not None:
                self._world.server.created.ring()
            self._world.trace.note("commit", write.device, write.counter, write.kind, place.seq, write.code)
        self._world.server.committed.ring()
        return placed
