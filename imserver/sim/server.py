"""The server's machine: a database that survives, and the process that can be killed at any await."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import trio

from improtocol.entries import Kind
from improtocol.limits import BODY_BYTES_MAX, EVENTS_FRAME_BYTES_SOFT_MAX, INT_MAX
from imserver.core import Core, TokenVerifier, sessions
from imserver.gateway.link import SocketLink
from imserver.gateway.pump import Door, Pump
from imserver.sim.model import Model, require
from imserver.sim.selector import SimSelector
from imserver.sim.sockets import SimDoor
from imserver.storage import schema
from imserver.storage.model import AppKey, LogEntry, Marks, Placed, StoreBroken, StoreFull, Write
from imserver.storage.sqlite import SqliteStore
from imserver.storage.writing import Writer

if TYPE_CHECKING:
    from imserver.sim.world import World

T = TypeVar("T")

APP = "shop"
KEY = b"a key of the simulated shop, 32 bytes and more"


class Killed(BaseException):
    """The process is gone. Not an `Exception`: nothing in it may carry on."""


class RamDriver:
    """A storage driver on a database in memory, slow at will, that a kill cuts off between any two steps."""

    def __init__(self, server: "Server", life: "ServerLife") -> None:
        self._server = server
        self._life = life
        self.writer = Writer(server.database)
        self._turn = trio.Lock()

    async def write(self, work: Callable[[Writer], T]) -> T:
        """See `imserver.storage.driver.Driver`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        with trio.CancelScope(shield=True):
            async with self._turn:
                await self._wait("server_slow_before_commit")
                if self._life.failing:
                    self._life.failing = False
                    if self._server.rng.random() < 0.5:
                        work(self.writer)
                    raise StoreBroken("simulated: the disk has failed")
                result = work(self.writer)
                await self._wait("server_slow_after_commit")
        return result

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """See `imserver.storage.driver.Driver`."""
        await self._wait("server_slow_read")
        return work(self._server.database)

    async def _wait(self, site: str) -> None:
        rng, buggify = self._server.rng, self._server.world.buggify
        self._life.check()
        await trio.sleep(rng.uniform(0.1, 1.5) if buggify(site) else rng.uniform(0.0002, 0.004))
        self._life.check()


class WatchedStore(SqliteStore):
    """The real store; the model hears of each commit at the moment it is durable."""

    def __init__(self, driver: RamDriver, epoch: int, model: Model, world: "World") -> None:
        super().__init__(driver, epoch)
        self._model = model
        self._world = world

    async def append(self, writes: Sequence[Write], marks: Marks | None = None) -> list[Placed]:
        """See `Store`."""
        return await self._guarded(lambda writer: self._append(writer, writes, marks))

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
            self._world.trace.note("commit", write.device, write.counter, write.kind, place.seq, write.code)
        return placed


class ServerLife:
    """One life of the process."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.dead = False
        self.failing = False
        self.over = trio.Event()
        self.core: Core | None = None
        self.pump: Pump | None = None
        self.selector: SimSelector | None = None
        self.nursery: trio.Nursery | None = None

    def check(self) -> None:
        """Go no further once killed."""
        if self.dead:
            raise Killed


class Server:
    """See the module."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rng = world.chance.stream("server")
        self.database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        schema.migrate(self.database)
        self.model = Model(epoch=self._stamp())
        world.models[self.model.epoch] = self.model
        self.life: ServerLife | None = None
        self.flips = False  #: the next message read from the log is read wrongly
        self.backup: tuple[sqlite3.Connection, Model] | None = None
        self._ids = world.chance.stream("ids")

    def _stamp(self) -> int:
        epoch = self.rng.randrange(1, 2**32)
        self.database.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,))
        return epoch

    # The process ------------------------------------------------------------------------------------

    async def boot(self) -> None:
        """Start a life, unless there is one."""
        if self.life is None:
            if self.database.in_transaction:
                self.database.rollback()  # what a process had not committed when it was killed
            life = self.life = ServerLife()
            await self.world.nursery.start(self._live, life)

    async def _live(self, life: ServerLife, *, task_status: trio.TaskStatus[None]) -> None:
        self.world.trace.note("boot")
        started = False
        try:
            with life.scope:
                async with trio.open_nursery() as nursery:
                    life.nursery = nursery
                    await self._start(life, nursery)
                    started = True
                    task_status.started()
        except* Killed:
            pass
        except* StoreBroken as group:
            self.world.trace.note("failed", str(group.exceptions[0])[:40])
            self.end(life, "reset")  # fail-stop, as `imserver.app` does
        finally:
            life.over.set()
        if not started:
            task_status.started()
        if self.life is life:
            self.life = None

    async def _start(self, life: ServerLife, nursery: trio.Nursery) -> None:
        world = self.world
        store = WatchedStore(RamDriver(self, life), self.model.epoch, self.model, world)
        if not await store.apps():
            app = await store.put_app(APP, now_ms=1, media_bytes_max=1)
            await store.put_key(AppKey(app=app.id, kid="1", algorithm="HS256", key=KEY, created_ms=1))
        limits = world.buggify.extremes.gateway_limits()
        core = life.core = Core(
            store,
            TokenVerifier(),
            clock=world.clock,
            limits=world.buggify.extremes.core_limits(),
            draw_id=lambda: self._ids.randint(1, INT_MAX),
            draw_secret=self._ids.randbytes,
            idle_s=limits.idle_s_max,
        )
        await nursery.start(core.run)
        selector = life.selector = SimSelector(self.rng, world.buggify, self._turned)
        pump = life.pump = Pump(core, limits, selector=selector, ready=selector.ready)
        door = SimDoor(selector, world.buggify, backlog=self.rng.choice((1, 128)))
        pump.open_door(Door(cast(Any, door), None, websocket=False))
        world.network.door = door
        nursery.start_soon(pump.run)

    def end(self, life: ServerLife, way: str) -> None:
        """The process ends at this very moment; the kernel closes its sockets by `way`: reset or fin."""
        if life.dead:
            return
        self.world.trace.note("kill", way)
        life.dead = True
        if (door := self.world.network.door) is not None:
            door.close()
        for connection in self.world.network.connections:
            if not connection.server_closed:
                connection.server_closed = True
                if way == "fin":
                    connection.down.finish()
                else:
                    connection.break_client()
        life.scope.cancel()

    def trim(self) -> bool:
        """Apply retention now, as the hourly upkeep does."""
        life = self.life
        if life is None or life.nursery is None or life.core is None:
            return False
        life.nursery.start_soon(self._trim, life.core)
        return True

    async def _trim(self, core: Core) -> None:
        with suppress(StoreFull):
            await core.trim_logs()

    async def kill(self, way: str) -> None:
        """Kill the process, if there is one, and wait until nothing of it is left."""
        life = self.life
        if life is not None:
            self.end(life, way)
            await life.over.wait()
            self.life = None

    # The disk ---------------------------------------------------------------------------------------

    def set_full(self, *, full: bool) -> None:
        """No page more, or as many as one likes: SQLite's own word for a full disk."""
        (pages,) = self.database.execute("PRAGMA page_count").fetchone()
        self.database.execute(f"PRAGMA max_page_count = {pages if full else 2**30}")

    def back_up(self) -> None:
        """Copy the database as it stands."""
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.database.backup(copy)
        self.backup = copy, self.model.copy(0)

    async def restore(self) -> bool:
        """Put the last backup back, as `imserver restore` does: with a new epoch."""
        if self.backup is None:
            return False
        await self.kill("reset")
        copy, model = self.backup
        database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        copy.backup(database)
        self.database.close()
        self.database = database
        self.model = model.copy(self._stamp())
        self.world.models[self.model.epoch] = self.model
        return True

    # Invariants, after each turn ---------------------------------------------------------------------

    def _turned(self, handled: list[Any]) -> None:
        for link in handled:
            if isinstance(link, SocketLink):
                self._check_link(link)

    def _check_link(self, link: SocketLink) -> None:
        limits, pump = link.pump.limits, link.pump
        unsent = len(link._unsent)  # noqa: SLF001 - the bound is on what it holds
        require(unsent <= limits.unsent_bytes_max, "G12", "unsent bytes", unsent)
        require(not pump.faults, "G11", "a connection's handler failed")
        session = link.session
        if session is None:
            return
        require(session.link is link, "fence", "a connection serves a session that another one has")
        require(session.acked <= session.sent <= session.scanned, "window", session.acked, session.sent)
        constants = vars(sessions)  # as they are in this world
        ahead, most = session.scanned - session.acked, constants["EVENTS_IN_FLIGHT_MAX"]
        require(ahead <= most, "G12", ahead, "positions in flight, and", most, "allowed")
        size = 0 if session.in_flight is None else session.in_flight.bytes
        most = constants["EVENT_BYTES_IN_FLIGHT_MAX"] + EVENTS_FRAME_BYTES_SOFT_MAX + BODY_BYTES_MAX
        require(size <= most, "G12", size, "bytes in flight, and", most, "allowed")
        self.world.check_window(session)
