"""A phone: storage that survives, and an app on the real SDK that can be killed at any await."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import trio

import imsdk
from improtocol import Media
from imsdk.engine import Engine
from imsdk.media_interface import KeptDraft, LinkProvider, ProgressStore, Report, SlotProvider, Uploaded
from imsdk.state import Phase
from imsdk.store import schema
from imsdk.store.database import Database
from imsdk.store.sqlite import SqliteStore
from imserver.core import sign_token
from imserver.sim.deterministic import Turn
from imserver.sim.drives import Connect, Drive, RamDrive, RecordedDrive
from imserver.sim.server import APP, KEY
from imserver.sim.store import Killed
from imserver.sim.stream import SimDialer
from imserver.sim.watch import Watch

if TYPE_CHECKING:
    from imserver.sim.world import World

P = ParamSpec("P")
T = TypeVar("T")

#: Tokens outlive every world: the verifier looks at the machine's clock, which is no part of one.
TOKEN_S = 100 * 365 * 24 * 3600


def _open(folder: Path, connect: Connect) -> sqlite3.Connection:
    """As the SDK does. The lock goes with the process, but these are all one process."""
    database = Database(folder, inline=True, connect=connect)
    database._open()  # noqa: SLF001 - the pragmas it sets are what matters
    connection, lock = database._connection, database._lock  # noqa: SLF001
    assert connection is not None
    assert lock is not None
    lock.release()
    return connection


class PhoneStore(SqliteStore):
    """The real store, slow at will, that a kill cuts off between any two steps."""

    def __init__(self, phone: "Phone", life: "PhoneLife") -> None:
        super().__init__(None, connection=phone.database)
        self._phone = phone
        self._life = life
        self._turn = Turn()
        self._run = self._watched

    async def _watched(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        phone = self._phone
        await trio.lowlevel.cancel_shielded_checkpoint()
        async with self._turn:
            await self._wait("phone_slow_before_commit")
            phone.watch.before(function.__name__, args)
            changes = phone.database.total_changes
            result = await self._database.run(function, *args, **kwargs)
            phone.watch.after(function.__name__, args, kwargs, result)
            phone.drive.settle()
            if phone.database.total_changes != changes:
                await self._wait("phone_slow_after_commit")
            return result

    async def _wait(self, site: str) -> None:
        rng, world = self._phone.rng, self._phone.world
        self._life.check()
        if world.buggify(site):
            await world.timers.sleep_through(rng.uniform(0.1, 1.0))
        elif rng.random() < 0.5:  # each wait costs as much as the SQL
            await world.timers.sleep_through(rng.uniform(0.0002, 0.008))
        self._life.check()


class PhoneLife:
    """One life of the app's process."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.dead = False
        self.over = trio.Event()
        self.client: imsdk.Client | None = None
        self.logging_out = False
        self.nursery: trio.Nursery | None = None

    def check(self) -> None:
        """Go no further once killed."""
        if self.dead:
            raise Killed


class Phone:
    """See the module."""

    def __init__(self, world: "World", user: str, name: str, scratch: Path) -> None:
        self.world = world
        self.user = user
        self.name = name
        self.rng = world.chance.stream(f"phone {name}")
        self.drive: Drive
        if name in world.power_goes:
            rng = world.chance.stream(f"drive of {name}")
            self.drive = RecordedDrive(scratch / f"{name}'s drive", _open, rng)
        else:
            self.drive = RamDrive(schema.migrate)
        self.watch = Watch(world, self)
        self.life: PhoneLife | None = None
        self._scratch = scratch / name

    @property
    def database(self) -> sqlite3.Connection:
        """What this phone has stored."""
        return self.drive.database

    # The process ------------------------------------------------------------------------------------

    async def boot(self) -> None:
        """Open the app, unless it is open."""
        if self.life is None:
            life = self.life = PhoneLife()
            await self.world.nursery.start(self._live, life)

    async def _live(self, life: PhoneLife, *, task_status: trio.TaskStatus[None]) -> None:
        self.world.trace.note("open", self.name)
        self.watch.begin_life()
        started = False
        try:
            with life.scope:
                async with self._connect(life) as client, trio.open_nursery() as nursery:
                    life.client, life.nursery = client, nursery
                    nursery.start_soon(self._read, life, client)
                    started = True
                    task_status.started()
                    await self._until_stopped(life, client.engine)
                    nursery.cancel_scope.cancel()
        except* Killed:
            pass
        finally:
            life.over.set()
        if not started:
            task_status.started()
        if self.life is life:
            self.life = None

    def _connect(self, life: PhoneLife) -> Any:
        token = sign_token(
            app=APP,
            user=self.user,
            kid="1",
            algorithm="HS256",
            key=KEY,
            now_s=TOKEN_S // 3,
            lifetime_s=TOKEN_S,
        )
        return imsdk.connect(
            "tcp://server:1",
            token=token,
            data_dir=self._scratch,
            device=self.name,
            store=PhoneStore(self, life),
            dialer=SimDialer(self.world.network, self.name, lambda: not life.dead),
            transfers=_NoTransfers(),
            foreground=self.rng.random() < 0.1,
            rng=self.rng,
            now_ms=self.world.clock.now_ms,
        )

    async def _until_stopped(self, life: PhoneLife, engine: Engine) -> None:
        await engine.state_bell.wait_until(lambda: engine.state.phase is Phase.STOPPED)
        self.world.trace.note("stopped", self.name, engine.state.reason)
        self.watch.stopped(engine.state.reason, expected=life.logging_out)

    async def _read(self, life: PhoneLife, client: imsdk.Client) -> None:
        """The app: shows each message and says that it is done with it, mostly."""
        async for message in client.messages():
            life.check()
            self.watch.shown(message)
            if self.world.buggify("app_slow"):
                await trio.sleep(self.rng.uniform(0.1, 5))
            if not self.world.buggify("app_not_done"):
                await client.done(message)
                self.watch.done(message)

    def end(self, life: PhoneLife, *, power: bool = False) -> None:
        """The process ends at this very moment; the kernel closes its sockets, if it can reach anybody.

        `power`: the whole phone does, and says nothing.
        """
        life.dead = True
        self.drive.crash(power=power)
        self.world.trace.note("killed", self.name)
        for connection in self.world.network.of(self.name):
            if not connection.client_closed:
                connection.client_closed = True
                (connection.up.vanish if power else connection.up.finish)()
        life.scope.cancel()

    async def kill(self, *, power: bool = False) -> None:
        """Kill the app, if it is open, and wait until nothing of it is left."""
        life = self.life
        if life is not None:
            self.end(life, power=power)
            await life.over.wait()
            if self.life is life:  # somebody else who waited for that may have begun another
                self.life = None

    def set_full(self, *, full: bool) -> None:
        """No room on the phone, or room again."""
        (pages,) = self.database.execute("PRAGMA page_count").fetchone()
        self.database.execute(f"PRAGMA max_page_count = {pages if full else 2**30}")


class _NoTransfers:
    """Media have simulations of their own."""

    async def upload(
        self, path: Path, kept: KeptDraft, *, slots: SlotProvider, progress: ProgressStore, report: Report
    ) -> Uploaded:
        raise NotImplementedError

    async def download(
        self, media: Media, folder: Path, *, link: LinkProvider, report: Report, exact: bool = True
    ) -> Path:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing to let go of."""
