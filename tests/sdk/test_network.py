"""Work that hangs on the present network."""

import trio

from imsdk.network import Network


async def test_what_is_under_way_begins_again_when_the_network_changes() -> None:
    """A half-open transfer would otherwise wait for its silence limit, half a minute after the lift."""
    network = Network()
    begun: list[int] = []

    async def work() -> str:
        begun.append(len(begun))
        if len(begun) < 3:
            network.changed()
            await trio.sleep_forever()
        return "done"

    assert await network.run(work) == "done"
    assert begun == [0, 1, 2]


async def test_what_is_over_is_not_touched_by_a_change() -> None:
    network = Network()
    await network.run(trio.lowlevel.checkpoint)
    network.changed()
    await trio.lowlevel.checkpoint()


async def test_a_cancelled_caller_is_not_held_back() -> None:
    network = Network()
    with trio.CancelScope() as scope:
        scope.cancel()
        await network.run(trio.sleep_forever)
    assert scope.cancelled_caught
