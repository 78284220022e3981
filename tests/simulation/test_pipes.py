"""Within a connection bytes are only delayed or cut off, also where the network comes back."""

from random import Random

import trio
from trio.testing import MockClock

from imserver.sim.deterministic import Timers
from imserver.sim.pipes import Connection, Terms
from imserver.sim.trace import Trace


async def test_nothing_comes_behind_bytes_that_are_lost_but_a_reset(autojump_clock: MockClock) -> None:
    timers = Timers()

    async def second() -> None:
        await trio.sleep(1)
        timers.fire(trio.current_time())

    connection = Connection(1, "ann0", timers, Random(1), Terms(), Trace())
    up = connection.up
    up.write(b"arrives, ")
    await second()
    up.vanish()
    up.write(b"is lost, ")
    connection.heal()
    up.write(b"and must not arrive")
    await second()
    assert up.read(99) == b"arrives, "
    assert not up.readable
    assert connection.client_broken
    assert connection.server_broken
