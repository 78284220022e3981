"""Silence, slowness and slow handshakes end connections in time; honest slowness does not."""

import socket
from contextlib import suppress

import pytest
import trio
import trio.testing

from improtocol import Code, frames, queries
from imserver.gateway import GatewayLimits
from imserver.gateway.wheel import TimerWheel
from tests.gateway.house import SCHEMES, GatewayHouse, Peer, post


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "said", [b"", b"\x16\x03\x01", b"GET / HT", b"\x40"], ids=["nothing", "tls", "http", "im"]
)
async def test_a_peer_that_never_finishes_its_handshake_is_gone_in_time(
    house: GatewayHouse, scheme: str, said: bytes
) -> None:
    peer = await house.dial(scheme, handshake=False)
    if said:
        await peer.stream.send_all(said)
    await house.pass_time(house.limits.handshake_s_max - 1)
    drip = house.gateway.statistics().connections
    await house.pass_time(5 + house.limits.linger_s_max)
    assert house.gateway.statistics().connections == 0
    assert drip <= 1


@pytest.mark.parametrize("scheme", ["tls", "wss"])
async def test_where_tls_never_came_to_be_nothing_is_said_and_nothing_lingers(
    house: GatewayHouse, scheme: str
) -> None:
    peer = await house.dial(scheme, handshake=False)
    await trio.testing.wait_all_tasks_blocked()
    await house.pass_time(house.limits.handshake_s_max + 1)
    assert house.gateway.statistics().connections == 0
    assert await peer.stream.receive_some() == b""


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_slow_handshake_is_told_so_where_anything_can_be_said(
    house: GatewayHouse, scheme: str
) -> None:
    peer = await house.dial(scheme)
    await peer.stream.send_all(peer.wrap(b"\x40"))
    await house.pass_time(house.limits.handshake_s_max + 2)
    assert (await peer.hear()).code == Code.SLOW_HANDSHAKE


async def test_one_byte_now_and_then_does_not_stretch_the_handshake(house: GatewayHouse) -> None:
    peer = await house.dial()
    began_s = trio.current_time()
    while house.gateway.statistics().connections:
        with suppress(trio.BrokenResourceError):
            await peer.stream.send_all(b"\x7f")
        await house.pass_time(1)
        assert trio.current_time() - began_s < house.limits.handshake_s_max + house.limits.linger_s_max + 3


async def test_silence_ends_a_connection_and_any_frame_is_a_sign_of_life(house: GatewayHouse) -> None:
    silent, alive = await house.dial(), await house.dial()
    await silent.login(house, "silent")
    await alive.login(house, "alive")
    for _ in range(4):
        await house.pass_time(house.limits.idle_s_max / 3)
        await alive.say(frames.Ping())
        assert await alive.hear() == frames.Pong()
    assert (await silent.hear()).code == Code.IDLE_TIMEOUT
    assert house.core.statistics().attached == 1


async def flood(house: GatewayHouse, bob: Peer, messages: int) -> None:
    """Somebody writes `messages` of 30 KB to bob."""
    writer = await house.dial()
    await writer.login(house, "writer", str(messages))
    for _ in range(messages):
        await writer.do(post("bob", "y" * 30_000))
        await writer.hear(frames.Result)


async def narrow(house: GatewayHouse, user: str) -> Peer:
    """A peer whose transport holds little in either direction."""
    peer = await house.dial(receive_bytes=4096)
    await peer.login(house, user)
    link = next(link for link in house.pump.links if link.session and link.session.user.name == user)
    link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return peer


async def test_a_slow_reader_costs_a_cursor_and_bounded_memory_and_gets_everything_in_the_end(
    house: GatewayHouse,
) -> None:
    bob = await narrow(house, "bob")
    await flood(house, bob, 60)
    link = next(link for link in house.pump.links if link.session and link.session.user.name == "bob")
    assert link.blocked
    assert len(link._unsent) < 400_000, "1.8 MB wait in the log, not in memory"
    received = 0
    while received < 61:
        events = await bob.hear(frames.Events)
        assert events.start == received
        received = events.end
        await bob.say(frames.Ack(count=events.end - events.start))
    assert received == 61


async def test_a_reader_that_takes_nothing_is_hung_up_and_one_that_takes_little_is_not(
    house: GatewayHouse,
) -> None:
    stuck, slow = await narrow(house, "bob"), await narrow(house, "carol")
    await flood(house, stuck, 8)
    writer = await house.dial()
    await writer.login(house, "other")
    for _ in range(8):
        await writer.do(post("carol", "y" * 30_000))
        await writer.hear(frames.Result)
    for _ in range(12):
        data = await slow.stream.receive_some(16_384)
        slow.connection.receive_data(bytes(data))
        await house.pass_time(house.limits.blocked_s_max / 4)
    users = {link.session.user.name for link in house.pump.links if link.session}
    assert "bob" not in users
    assert "carol" in users


async def test_a_peer_that_was_blocked_already_when_its_session_came_is_hung_up_as_well(
    house: GatewayHouse,
) -> None:
    peer = await house.dial(receive_bytes=4096)
    await trio.testing.wait_all_tasks_blocked()
    (link,) = house.pump.links
    with suppress(BlockingIOError):
        while True:
            link.socket.send(bytes(65536))
    link._unsent = b"the rest of a WebSocket's handshake, say"
    await peer.say(frames.Connect(token=house.token("alice"), device="phone"))
    await trio.testing.wait_all_tasks_blocked()
    assert link.session is not None
    await house.pass_time(house.limits.handshake_s_max + house.limits.blocked_s_max + 3)
    assert house.gateway.statistics().connections == 0


async def test_questions_of_a_peer_that_does_not_read_stop_being_read_and_all_are_answered_later(
    house: GatewayHouse,
) -> None:
    bob = await narrow(house, "bob")
    await flood(house, bob, 5)
    for _ in range(2):
        await bob.hear(frames.Events)
    asked = 200
    question = queries.History(conversation="writer").arguments()

    async def ask() -> None:
        for number in range(asked):
            await bob.say(frames.Query(id=number, op=1, arguments=question))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked(0.05)
        link = next(link for link in house.pump.links if link.session and link.session.user.name == "bob")
        assert len(link._unsent) < house.limits.unsent_bytes_max
        replies = [await bob.hear(frames.Reply) for _ in range(asked)]
    assert {reply.id for reply in replies} == set(range(asked))
    assert any(reply.code == 0 for reply in replies)


async def test_blocking_again_and_again_does_not_fill_the_wheel(house: GatewayHouse) -> None:
    peer = await house.dial()
    await peer.login(house, "alice")
    link = next(iter(house.pump.links))
    before = len(house.pump.wheel)
    for _ in range(1000):
        link.look_by(house.pump.now_s + house.limits.blocked_s_max)
    assert len(house.pump.wheel) <= before + 1


def test_wheel_gives_back_what_is_due_and_never_early() -> None:
    wheel: TimerWheel[str] = TimerWheel(100.0, slots=16)
    wheel.add("a", 103.5)
    wheel.add("b", 101.0)
    assert list(wheel.due(101.9)) == []
    assert list(wheel.due(102.0)) == ["b"]
    assert list(wheel.due(103.9)) == []
    assert list(wheel.due(104.0)) == ["a"]
    assert len(wheel) == 0


def test_wheel_after_a_long_standstill_gives_everything_once() -> None:
    wheel: TimerWheel[int] = TimerWheel(0.0, slots=16)
    for second in range(14):
        wheel.add(second, float(second))
    assert sorted(wheel.due(1_000_000.0)) == list(range(14))
    wheel.add(99, 1_000_001.0)
    assert list(wheel.due(1_000_003.0)) == [99]


def test_wheel_comes_round_at_its_end_for_what_lies_further_and_says_when() -> None:
    wheel: TimerWheel[str] = TimerWheel(0.0, slots=16)
    assert wheel.add("far", 500.0) == 15
    assert list(wheel.due(15.0)) == ["far"]


async def test_an_idle_limit_longer_than_the_wheel_still_works(
    nursery: trio.Nursery, tls_contexts: tuple[object, object]
) -> None:
    limits = GatewayLimits(idle_s_max=3000)
    house = await GatewayHouse(*tls_contexts, limits=limits).open(nursery)  # type: ignore[arg-type]
    peer = await house.dial()
    await peer.login(house, "alice")
    await house.pass_time(2990)
    assert house.core.statistics().attached == 1
    await house.pass_time(15)
    assert house.core.statistics().attached == 0
    house.hang_up()
