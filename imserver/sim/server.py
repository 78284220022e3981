"""The server's machine: a database that survives, and the process that can be killed at any await."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import trio

from improtocol.limits import BODY_BYTES_MAX, EVENTS_FRAME_BYTES_SOFT_MAX, INT_MAX
from imserver.core import Core, TokenVerifier, sessions
from imserver.gateway.link import SocketLink
from imserver.gateway.pump import Door, Pump
from imserver.sim.deterministic import Bell
from imserver.sim.drives import Connect, Drive, RamDrive, RecordedDrive
from imserver.sim.model import Model, require
from imserver.sim.selector import SimSelector
from imserver.sim.sockets import SimDoor
from imserver.sim.store import Killed, SimDriver, WatchedStore
from imserver.storage import schema
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.model import AppKey, StoreBroken, StoreFull

if TYPE_CHECKING:
    from imserver.sim.world import World

APP = "shop"
KEY = b"a key of the simulated shop, 32 bytes and more"


def _open(folder: Path, connect: Connect) -> sqlite3.Connection:
    return schema.open_writer(folder / DATABASE_NAME, connect)


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

    def __init__(self, world: "World", scratch: Path) -> None:
        self.world = world
        self.rng = world.chance.stream("server")
        self.drive: Drive
        if "server" in world.power_goes:
            self.drive = RecordedDrive(scratch / "server", _open, world.chance.stream("server's drive"))
        else:
            self.drive = RamDrive(schema.migrate)
        self.model = Model(epoch=self._stamp())
        world.models[self.model.epoch] = self.model
        self.life: ServerLife | None = None
        self.flips = False  #: the next message read from the log is read wrongly
        self.backup: tuple[object, Model] | None = None
        self.committed = Bell()  #: something was made durable
        self.created = Bell()  #: a conversation was
        self._ids = world.chance.stream("ids")

    def _stamp(self) -> int:
        epoch = self.rng.randrange(1, 2**32)
        self.drive.database.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,))
        return epoch

    # The process ------------------------------------------------------------------------------------

    async def boot(self) -> None:
        """Start a life, unless there is one."""
        if self.life is None:
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
        store = WatchedStore(SimDriver(self, life), self.model.epoch, self.model, world)
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
        pump = life.pump = Pump(core, limits, poller=selector, ready=selector.ready)
        door = SimDoor(selector, world.buggify, backlog=self.rng.choice((1, 128)))
        pump.open_door(Door(cast(Any, door), None, websocket=False))
        world.network.door = door
        nursery.start_soon(pump.run)

    def end(self, life: ServerLife, way: str, *, power: bool = False) -> None:
        """The process ends at this very moment; the kernel closes its sockets by `way`: reset or fin.

        `power`: the whole machine does, and says nothing.
        """
        if life.dead:
            return
        self.world.trace.note("kill", way)
        life.dead = True
        self.drive.crash(power=power)
        if (door := self.world.network.door) is not None:
            door.close()
        for connection in self.world.network.connections:
            if not connection.server_closed:
                connection.server_closed = True
                if way == "fin":
                    connection.down.finish()
                elif way == "reset":
                    connection.break_client()
                else:
                    connection.down.vanish()
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

    async def kill(self, way: str, *, power: bool = False) -> None:
        """Kill the process, if there is one, and wait until nothing of it is left."""
        life = self.life
        if life is not None:
            self.end(life, way, power=power)
            await life.over.wait()
            if self.life is life:  # somebody else who waited for that may have begun another
                self.life = None

    # The disk ---------------------------------------------------------------------------------------

    def set_full(self, *, full: bool) -> None:
        """No page more, or as many as one likes: SQLite's own word for a full disk."""
        database = self.drive.database
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages if full else 2**30}")

    @contextmanager
    def room_in_memory(self) -> Iterator[None]:
        """For what is never written, the disk is not full."""
        database = self.drive.database
        (pages_max,) = database.execute("PRAGMA max_page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {2**30}")
        try:
            yield
        finally:
            database.execute(f"PRAGMA max_page_count = {pages_max}")

    def back_up(self) -> None:
        """Copy the database as it stands."""
        self.backup = self.drive.save(), self.model.copy(0)

    async def restore(self) -> bool:
        """Put the last backup back, as `imserver restore` does: with a new epoch."""
        if self.backup is None:
            return False
        await self.kill("reset")
        copy, model = self.backup
        self.drive.load(copy)
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
