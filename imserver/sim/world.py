"""The world: a server, phones, the network between them, and a plan that is carried out."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from imserver.sim.buggify import Buggify, quiet
from imserver.sim.deterministic import Chance, timers
from imserver.sim.drives import POWER_CAN_GO
from imserver.sim.incidents import Incidents
from imserver.sim.model import Model, require
from imserver.sim.network import Network
from imserver.sim.phone import Phone
from imserver.sim.pipes import Terms
from imserver.sim.plan import POWER, TRUCE, WORK, Event, Plan
from imserver.sim.server import Server
from imserver.sim.trace import Trace
from imserver.sim.verdict import in_memory, judge
from imserver.sim.work import act

if TYPE_CHECKING:
    from imserver.core import Session

#: After the faults have stopped, everybody must be at the head within this time (G9).
RECOVERY_S = 30.0
#: Nothing happens for longer than this: then there is less to look at, too.
LONG_S = 600.0
START_MS = 1_800_000_000_000


@dataclass(slots=True)
class WallClock:
    """The wall clock of everybody. Runs with virtual time, and jumps."""

    ahead_ms: int = 0

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return START_MS + self.ahead_ms + int(trio.current_time() * 1000)


class World:
    """Everything there is. Made inside of the run, in virtual time."""

    def __init__(self, plan: Plan, scratch: Path, nursery: trio.Nursery) -> None:
        self.plan = plan
        self.nursery = nursery
        self.chance = Chance(plan.seed)
        self.trace = Trace()
        self.clock = WallClock()
        self.timers = timers()
        self.buggify = Buggify(self.chance.stream("buggify"))
        self.network = Network(self.chance, self.timers, self.trace, self.buggify)
        self.models: dict[int, Model] = {}
        self.power_goes = _where_power_goes(plan) if POWER_CAN_GO else frozenset()
        self.server = Server(self, scratch)
        self.phones = [Phone(self, user, name, scratch) for user, name in plan.cast]
        self.incidents = Incidents(self)
        self.faults: Counter[str] = Counter()
        self.truces = 0  #: besides the one at the end
        self._devices: dict[tuple[int, str], tuple[int, int]] = {}

    async def run(self) -> None:
        """Carry the plan out, stop all faults, and judge."""
        with self.buggify.extremes.in_force():
            await self.server.boot()
            for phone in self.phones:
                await phone.boot()
            for event in self.plan.events:
                await self._until(event.at_s)
                await self._happen(event)
            await self._until(self.plan.duration_s)
            await self._truce()
            for phone in self.phones:
                await phone.kill()
            await self.server.kill("reset")

    def close(self) -> None:
        """Let go of the drives."""
        for drive in (self.server.drive, *(phone.drive for phone in self.phones)):
            drive.close()

    async def _until(self, at_s: float) -> None:
        """Wait for what is going to happen next."""
        if at_s - trio.current_time() > LONG_S:
            await trio.sleep(LONG_S / 2)  # what has just happened comes to its end
            with quiet():
                await trio.sleep_until(at_s - LONG_S / 4)
        await trio.sleep_until(at_s)

    async def _happen(self, event: Event) -> None:
        self.trace.note("event", event.kind, event.who)
        if event.kind == TRUCE:
            await self._truce()
            self.truces += 1
            return
        phone = self.phones[event.who % len(self.phones)]
        if event.kind in WORK:
            act(self, phone, event)
        elif await self.incidents.happen(event, phone):
            self.faults[event.kind] += 1

    async def _truce(self) -> None:
        """The faults stop; then every promise has to be kept."""
        await self.heal()
        await trio.sleep(RECOVERY_S)
        await judge(self)
        self.buggify.paused = False

    async def heal(self) -> None:
        """The faults stop."""
        self.trace.note("heal")
        self.buggify.paused = True
        self.incidents.stop()
        for connection in self.network.connections:
            connection.up.terms = connection.down.terms = Terms()
        self.network.heal()
        self.server.flips = False
        if self.server.model.flipped:
            self.network.reset()  # what a device has never compared it compares when it resumes
        self.server.set_full(full=False)
        if (life := self.server.life) is not None:
            life.failing = False
            if life.selector is not None:
                life.selector.deaf_until_s = 0.0
                life.selector.wake()
        await self.server.boot()
        for phone in self.phones:
            phone.set_full(full=False)
            if phone.life is not None and phone.life.logging_out:
                await phone.kill()
            await phone.boot()

    # What the watchers ask ----------------------------------------------------------------------------

    def device_ids(self, user: str, name: str, epoch: int) -> tuple[int, int] | None:
        """The server's ids of a user and its device in an epoch."""
        found = self._devices.get((epoch, name))
        if found is None and epoch == self.server.model.epoch:
            found = self.server.drive.database.execute(
                "SELECT u.id, d.id FROM user u JOIN device d ON d.user = u.id"
                " WHERE u.name = ? AND d.name = ?",
                (user, name),
            ).fetchone()
            if found is not None:
                self._devices[epoch, name] = found
        return found

    def check_window(self, session: "Session") -> None:
        """What the server believes a device has acknowledged, the device has.

        While a RESYNC is under way it may have gone back.
        """
        if session.resyncing:
            return
        for phone in self.phones:
            watch = phone.watch
            if watch.device_id == session.device and watch.epoch == self.server.model.epoch:
                require(session.acked <= watch.cursor, "window", phone.name, session.acked, watch.cursor)


def _where_power_goes(plan: Plan) -> frozenset[str]:
    """The machines whose drives must be recorded, which costs."""
    names = {"server_power": "server"}
    return frozenset(
        names.get(event.kind, plan.cast[event.who % len(plan.cast)][1])
        for event in plan.events
        if event.kind in POWER
    )


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """A folder for recorded drives, in memory where the machine has that."""
    return tempfile.TemporaryDirectory(prefix="imserver-sim-", dir=in_memory())
