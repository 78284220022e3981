"""Whatever a peer sends: it is hung up, in bounded memory, and nobody else notices."""

import random

import pytest
import trio
import trio.testing

from improtocol import Code, frames
from tests.gateway.house import SCHEMES, GatewayHouse, post

HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(200)


async def still_serves(house: GatewayHouse) -> None:
    for scheme in SCHEMES:
        peer = await house.dial(scheme)
        await peer.login(house, "witness", scheme)
        await peer.stream.aclose()
    assert house.gateway.statistics().faults == 0


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_client_of_a_later_version_is_told_so(house: GatewayHouse, scheme: str) -> None:
    peer = await house.dial(scheme)
    await peer.say(frames.Connect(token="of another form", device="phone", version=2))
    close = await peer.hear(frames.Close)
    assert close.code == Code.VERSION_UNSUPPORTED
    await still_serves(house)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(HTTP, id="http"),
        pytest.param(HELLO, id="tls hello"),
        pytest.param(b"\x00" * 100, id="zeros"),
        pytest.param(b"\xff" * 100, id="ones"),
        pytest.param(b"\x01\x08", id="a ping before the handshake"),
        pytest.param(b"\x80\x80\x80\x80", id="a length without end"),
        pytest.param(b"\r\n\r\n", id="blank lines"),
        *(pytest.param(random.Random(n).randbytes(300), id=f"random {n}") for n in range(5)),
    ],
)
async def test_garbage_ends_its_own_connection_only(house: GatewayHouse, scheme: str, garbage: bytes) -> None:
    peer = await house.dial(scheme, handshake=False)
    await peer.stream.send_all(garbage)
    await trio.testing.wait_all_tasks_blocked()
    await house.pass_time(house.limits.handshake_s_max + house.limits.linger_s_max + 2)
    assert house.gateway.statistics().connections == 0
    await still_serves(house)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_garbage_behind_a_good_handshake_ends_the_connection_with_a_reason(
    house: GatewayHouse, scheme: str
) -> None:
    peer = await house.dial(scheme)
    await peer.login(house, "alice")
    await peer.stream.send_all(peer.wrap(b"\x03\xc1\xc1\xc1"))
    assert (await peer.hear()).code == Code.PROTOCOL_ERROR
    assert await peer.hear() is None
    await still_serves(house)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_frame_over_4_kib_before_the_session_is_refused_before_it_is_there(
    house: GatewayHouse, scheme: str
) -> None:
    peer = await house.dial(scheme)
    await peer.stream.send_all(peer.wrap(b"\x81\x20" + b"x" * 100))  # says 4,097 bytes will follow
    assert (await peer.hear()).code == Code.FRAME_TOO_LARGE


async def test_what_a_peer_may_send_before_it_has_a_session_is_bounded_inside_of_a_websocket_frame_too(
    house: GatewayHouse,
) -> None:
    peer = await house.dial("ws")
    assert peer.ws is not None
    peer.ws.send_binary(b"x" * 60_000)
    (link,) = house.pump.links
    await peer.stream.send_all(b"".join(peer.ws.data_to_send())[:40_000])
    assert (await peer.hear()).code == Code.FRAME_TOO_LARGE
    assert link.received_bytes <= house.limits.handshake_bytes_max


async def test_a_text_message_on_a_websocket_is_refused(house: GatewayHouse) -> None:
    peer = await house.dial("ws")
    assert peer.ws is not None
    peer.ws.send_text(b"hello")
    await peer.stream.send_all(b"".join(peer.ws.data_to_send()))
    await peer.hear_end()
    assert peer.ws.close_rcvd is not None
    assert peer.ws.close_rcvd.code == 1003
    await still_serves(house)


@pytest.mark.parametrize("opcode", [9, 10, 2], ids=["pings", "pongs", "empty messages"])
async def test_websocket_frames_without_content_are_not_answered_without_end(
    house: GatewayHouse, opcode: int
) -> None:
    peer = await house.dial("ws")
    await peer.login(house, "alice")
    assert peer.ws is not None
    await peer.stream.send_all(bytes([0x80 | opcode, 0x80, 0, 0, 0, 0]) * 10_000)
    await peer.hear_end()
    assert peer.ws.close_rcvd is not None
    assert peer.ws.close_rcvd.code == 1002
    assert peer.pongs <= 64
    await still_serves(house)


async def test_a_burst_of_one_peer_takes_many_turns_and_others_are_heard_in_the_first(
    house: GatewayHouse,
) -> None:
    greedy, other = await house.dial(), await house.dial()
    await greedy.login(house, "greedy")
    await other.login(house, "other")
    before = house.pump.bytes_in
    # Past trio: no task runs between, so that what is sent waits for the one turn below.
    for peer, count in ((greedy, 32_000), (other, 1)):
        peer.stream.socket._sock.send(peer.encode(*[frames.Ping()] * count))  # type: ignore[attr-defined]
    house.pump.turn()
    assert house.pump.bytes_in - before <= 4 * 1024 + len(other.encode(frames.Ping()))
    assert isinstance(await other.hear(), frames.Pong)


async def test_what_comes_before_a_session_is_read_in_turns_as_well(house: GatewayHouse) -> None:
    peer = await house.dial("ws")
    await trio.testing.wait_all_tasks_blocked()
    before = house.pump.bytes_in
    peer.stream.socket._sock.send(peer.wrap(b"x") * 1500)  # type: ignore[attr-defined]
    house.pump.turn()
    assert house.pump.bytes_in - before <= 4 * 1024


async def test_commands_without_end_end_the_connection(house: GatewayHouse) -> None:
    peer = await house.dial()
    await peer.login(house, "alice")
    await peer.do(*(post("bob", "x") for _ in range(40)))
    close = await peer.hear(frames.Close)
    assert close.code == Code.PROTOCOL_ERROR


async def test_a_fault_in_serving_one_connection_ends_that_connection_only(
    house: GatewayHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, other = await house.dial(), await house.dial()
    await victim.login(house, "victim")
    await other.login(house, "other")

    def broken(session: object, signal: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(house.core._signals, "receive", broken)
    await victim.say(frames.Signal(kind=1, conversation=1, value=1))
    assert await victim.hear() is None
    assert house.gateway.statistics().faults == 1
    await other.do(post("bob", "goes on"))
    assert (await other.hear(frames.Result)).code == 0


async def test_a_frame_that_cannot_be_sent_ends_that_connection_only(house: GatewayHouse) -> None:
    peer, other = await house.dial(), await house.dial()
    await peer.login(house, "alice")
    await other.login(house, "other")
    link = next(link for link in house.pump.links if link.session and link.session.user.name == "alice")
    link.send(frames.Connected(session=1, secret=b"s" * 16, epoch=1, accepted=0, head=0))
    assert await peer.hear() is None
    await other.do(post("bob", "goes on"))
    assert (await other.hear(frames.Result)).code == 0
