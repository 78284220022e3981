"""What befalls the world: each fault by its name in the plan."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final

import trio

from imserver.core.limits import DAY_MS
from imserver.sim.pipes import Connection
from imserver.sim.plan import Event

if TYPE_CHECKING:
    from imserver.sim.phone import Phone
    from imserver.sim.world import World

#: A fault that comes with something else waits for it so long.
WAIT_S_MAX: Final = 5.0


class Incidents:
    """Carries out faults; what lasts a while ends by itself, or at `stop`."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._stops = 0

    def stop(self) -> None:
        """Nothing that is still under way may end later: `heal` ends it."""
        self._stops += 1

    async def happen(self, event: Event, phone: "Phone") -> bool:
        """Carry out a fault. False: there was nothing it could befall."""
        rng = Random(f"{self._world.plan.seed}/{event.draw}")
        name = event.kind
        if name in _ON_CONNECTIONS:
            connections = self._world.network.of(phone.name)
            for connection in connections:
                _ON_CONNECTIONS[name](connection, trio.current_time() + event.span_s)
            return bool(connections)
        method = getattr(self, name)
        result: bool = await method(event, phone, rng)
        return result

    def _later(self, span_s: float, call: Callable[[], object]) -> None:
        stops = self._stops

        def unless_stopped() -> None:
            if self._stops == stops:
                call()

        self._world.timers.at(trio.current_time() + span_s, unless_stopped)

    def _start_later(self, span_s: float, boot: Callable[[], object]) -> None:
        self._later(span_s, lambda: self._world.nursery.start_soon(boot))  # type: ignore[arg-type]

    # The network ------------------------------------------------------------------------------------

    async def swizzle(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """Every connection stalls at another moment, and goes on in another order."""
        now_s = trio.current_time()
        for connection in self._world.network.connections:
            for pipe in (connection.up, connection.down):
                until_s = now_s + rng.uniform(0, event.span_s)
                self._later(rng.uniform(0, 1), lambda pipe=pipe, until_s=until_s: pipe.hold(until_s))  # type: ignore[misc]
        return bool(self._world.network.connections)

    async def offline_refused(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """No network, and the phone knows it: dials fail at once, old connections hear nothing."""
        return self._offline(event, phone, "refused")

    async def offline_silent(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """No network, and nothing says so: a lift."""
        return self._offline(event, phone, "silent")

    def _offline(self, event: Event, phone: "Phone", way: str) -> bool:
        network = self._world.network
        network.offline[phone.name] = way
        for connection in network.of(phone.name):
            connection.half_open()
        self._later(event.span_s, lambda: network.offline.pop(phone.name, None))
        return True

    async def switch(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """Wi-Fi to cellular: the old connection is dead, and only the phone knows."""
        return self._switch(phone, rng, lambda connection: connection.half_open())

    async def switch_linger(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """As `switch`, but what was on the way from the phone still arrives: after the new connection."""
        until_s = trio.current_time() + event.span_s
        return self._switch(phone, rng, lambda connection: connection.up.hold(until_s))

    def _switch(self, phone: "Phone", rng: Random, old: Callable[[Connection], None]) -> bool:
        life = phone.life
        if life is None or life.client is None:
            return False
        for connection in self._world.network.of(phone.name):
            old(connection)
        life.client.network_changed(rng.choice(("wifi", "cellular")))
        return True

    # The server -------------------------------------------------------------------------------------

    async def server_kill(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """SIGKILL, and somebody starts it again."""
        server = self._world.server
        if server.life is None:
            return False
        await server.kill(rng.choice(("reset", "fin")))
        self._start_later(event.span_s, server.boot)
        return True

    async def server_restart(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """SIGKILL, and it is back at once."""
        server = self._world.server
        if server.life is None:
            return False
        await server.kill(rng.choice(("reset", "fin")))
        await server.boot()
        return True

    async def server_power(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The power goes: what no fsync had covered is lost, kept or torn."""
        server = self._world.server
        if server.life is None or "server" not in self._world.power_goes:
            return False
        await server.kill("nobody hears", power=True)
        self._start_later(event.span_s, server.boot)
        return True

    async def server_deaf(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The pump gets no turn for a while, as in a stopped or starved process."""
        life = self._world.server.life
        if life is None or life.selector is None:
            return False
        life.selector.deaf_until_s = trio.current_time() + event.span_s
        return True

    async def server_fails(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The disk fails at the next commit, which may or may not have happened (G7)."""
        server = self._world.server
        if server.life is None:
            return False
        server.life.failing = True
        self._start_later(event.span_s, server.boot)
        return True

    async def server_full(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """No room on the server's disk for a while."""
        server = self._world.server
        server.set_full(full=True)
        self._later(event.span_s, lambda: server.set_full(full=False))
        return True

    async def server_flips(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The server's disk gives one message of a log with one bit changed, once."""
        self._world.server.flips = True
        return True

    async def backup(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """Somebody makes a backup."""
        self._world.server.back_up()
        return True

    async def restore(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The disk is gone, the last backup is put back. At times when something was just begun."""
        server = self._world.server
        if server.backup is not None and (bell := rng.choice((None, server.committed, server.created))):
            # What is told of it is torn in two, so that some of it never arrives.
            with trio.move_on_after(WAIT_S_MAX), self._world.buggify.always("second_half_late"):
                await bell.wait()
                await trio.sleep(rng.uniform(0.05, 0.5))
        if not await server.restore():
            return False
        self._start_later(event.span_s, server.boot)
        return True

    async def trim(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The hourly trimming comes now."""
        return self._world.server.trim()

    # The phones -------------------------------------------------------------------------------------

    async def phone_kill(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """SIGKILL of the app, which is opened again."""
        if phone.life is None:
            return False
        await phone.kill()
        self._start_later(event.span_s, phone.boot)
        return True

    async def phone_power(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The battery is pulled out."""
        if phone.life is None or phone.name not in self._world.power_goes:
            return False
        await phone.kill(power=True)
        self._start_later(event.span_s, phone.boot)
        return True

    async def phone_full(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """No room on the phone for a while."""
        phone.set_full(full=True)
        self._later(event.span_s, lambda: phone.set_full(full=False))
        return True

    async def asleep(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The phone lies in a drawer for months: the session expires, the log is trimmed behind it."""
        await phone.kill()
        self._world.clock.ahead_ms += rng.choice((40, 100)) * DAY_MS
        self._world.server.trim()
        self._start_later(event.span_s, phone.boot)
        return True

    async def doze(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The phone's system stops the app's network without a word, and wakes it later."""
        for connection in self._world.network.of(phone.name):
            connection.down.hold(trio.current_time() + 10 * event.span_s)
        return True

    # Clocks -----------------------------------------------------------------------------------------

    async def clock_ahead(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The wall clock jumps a day ahead (G14)."""
        self._world.clock.ahead_ms += DAY_MS
        return True

    async def clock_back(self, event: Event, phone: "Phone", rng: Random) -> bool:
        """The wall clock jumps a day back (G14)."""
        self._world.clock.ahead_ms -= DAY_MS
        return True


def _fin(connection: Connection, _: float) -> None:
    connection.up.sever()
    connection.down.sever()


def _stall(connection: Connection, until_s: float) -> None:
    connection.up.hold(until_s)
    connection.down.hold(until_s)


_ON_CONNECTIONS: dict[str, Callable[[Connection, float], None]] = {
    "reset": lambda connection, _: connection.reset(),
    "fin": _fin,
    "half_open": lambda connection, _: connection.half_open(),
    "half_open_up": lambda connection, _: connection.up.vanish(),
    "half_open_down": lambda connection, _: connection.down.vanish(),
    "stall": _stall,
    "stall_up": lambda connection, until_s: connection.up.hold(until_s),
    "stall_down": lambda connection, until_s: connection.down.hold(until_s),
}
