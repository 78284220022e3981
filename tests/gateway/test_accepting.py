"""Accepting within bounds, and the orderly end: nothing acked and dropped, all told when to come back."""

import errno
import socket
from typing import Any

import pytest
import trio
import trio.testing

from improtocol import Code, frames
from imserver.core import Core, TokenVerifier
from imserver.gateway import Gateway, GatewayLimits, Listener
from imserver.storage.memory import MemoryStore
from tests.gateway.house import SCHEMES, GatewayHouse, post


class FailingSocket:
    """A listening socket whose `accept` fails with these errors first."""

    def __init__(self, sock: socket.socket, *errors: int) -> None:
        self._socket = sock
        self._errors = list(errors)
        self.accepts = 0

    def accept(self) -> Any:
        self.accepts += 1
        if self._errors:
            raise OSError(self._errors.pop(0), "as told")
        return self._socket.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


async def test_out_of_descriptors_the_others_go_on_and_accepting_is_tried_again(house: GatewayHouse) -> None:
    old = await house.dial()
    await old.login(house, "old")
    door = house.pump._doors[0]
    door.socket = failing = FailingSocket(door.socket, *[errno.EMFILE] * 2)  # type: ignore[assignment]
    new = await house.dial()
    await trio.testing.wait_all_tasks_blocked()
    assert failing.accepts == 1, "no busy loop while nothing can be accepted"
    await old.do(post("bob", "goes on"))
    assert (await old.hear(frames.Result)).code == 0
    await house.pass_time(3)
    await new.login(house, "new")


async def test_a_peer_that_gave_up_in_the_queue_does_not_keep_the_next_one_waiting(
    house: GatewayHouse,
) -> None:
    door = house.pump._doors[0]
    door.socket = FailingSocket(door.socket, errno.ECONNABORTED)  # type: ignore[assignment]
    peer = await house.dial()
    await peer.login(house, "alice")


async def test_connections_above_the_bound_wait_until_one_leaves(
    nursery: trio.Nursery, tls_contexts: tuple[Any, Any]
) -> None:
    house = await GatewayHouse(*tls_contexts, limits=GatewayLimits(connections_max=2)).open(nursery)
    first, second, third = [await house.dial() for _ in range(3)]
    await first.login(house, "first")
    await second.login(house, "second")
    await third.say(frames.Connect(token=house.token("third"), device="phone"))
    await house.pass_time(2)
    assert house.gateway.statistics().connections == 2
    await first.stream.aclose()
    await house.pass_time(2)
    assert isinstance(await third.hear(), frames.Connected)
    house.hang_up()


async def test_drain_answers_what_was_received_and_tells_each_when_to_come_back(house: GatewayHouse) -> None:
    peers = []
    for number in range(12):
        peer = await house.dial(SCHEMES[number % 4])
        await peer.login(house, f"user{number}")
        peers.append(peer)
    drained = trio.Event()

    async def drain() -> None:
        await house.gateway.drain(within_s=2, retry_after_s=10)
        drained.set()

    async with trio.open_nursery() as nursery:
        for peer in peers:
            await peer.do(post("bob", "before the end"))
        nursery.start_soon(drain)
        await house.pass_time(20)  # a jump wakes each sleeper once, and the drain has a step a peer
        closes = []
        for peer in peers:
            result = await peer.hear(frames.Result)
            assert result.code == 0, "what was received before is durable and answered"
            closes.append(await peer.hear(frames.Close))
            await peer.hear_end()
            await peer.stream.aclose()
        await house.pass_time(3)
        assert drained.is_set()
    assert {close.code for close in closes} == {Code.DRAINING}
    retries_ms = [close.retry_after_ms for close in closes]
    assert len(set(retries_ms)) > 6, "they do not all come back at once"
    assert max(retries_ms) <= 10_000
    with pytest.raises(OSError):  # noqa: PT011 - refused
        await house.dial(handshake=False)


async def test_drain_ends_although_a_peer_never_hangs_up(house: GatewayHouse) -> None:
    peer = await house.dial()
    await peer.login(house, "alice")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.gateway.drain)
        await house.pass_time(30)
    assert house.gateway.statistics().connections == 0


async def test_a_port_that_is_taken_is_said_so_and_nothing_stays_open() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        core = Core(MemoryStore(), TokenVerifier())
        with pytest.raises(OSError, match=url):
            await Gateway(core, [Listener(url="tcp://127.0.0.1:0"), Listener(url=url)]).run()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80", "tcp://127.0.0.1", "tcp://:80", "tls://127.0.0.1:80", "127.0.0.1:80"]
)
def test_a_listener_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"listener|certificate"):
        Listener(url=url)


async def test_the_server_s_end_leaves_no_connection_behind(
    tls_contexts: tuple[Any, Any],
) -> None:
    async with trio.open_nursery() as nursery:
        house = await GatewayHouse(*tls_contexts).open(nursery)
        peer = await house.dial()
        await peer.login(house, "alice")
        nursery.cancel_scope.cancel()
    assert house.gateway.statistics().connections == 0
    assert house.core.statistics().attached == 0
    house.hang_up()
