"""RFC 6455 at the real `ws://` listener: framing, fragments, control frames, closing, the opening handshake.

The corpus follows the chapters of Autobahn's test suite, whose own fuzzing client runs by `make conformance`.
Our listener takes binary messages as a pipe of frames of the chat protocol, so what it understood shows in
what it answers: a PONG of the chat protocol for every PING of it.
"""

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from improtocol import Connection, Side, frames
from tests.conformance.peer import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Heard,
    close,
    frame,
    parse,
    random_mask,
)
from tests.security.doors import UPGRADE, Doors, Wire

#: The chat protocol's own PING and PONG, each two bytes.
CHAT_PING, CHAT_PONG = b"\x01\x08", b"\x01\x09"

Login = Callable[[], Awaitable[Wire]]


@pytest.fixture
def login(doors: Doors) -> Login:
    """Opens a WebSocket and attaches a session; what follows is answered."""

    async def open_websocket() -> Wire:
        wire = await doors.dial("ws")
        await wire.send(UPGRADE)
        head = await wire.read()
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert head.endswith(b"\r\n\r\n")
        connect = Connection(Side.CLIENT).send(frames.Connect(token=doors.token("alice"), device="phone"))
        await wire.send(frame(BINARY, connect))
        (connected,) = parse(await wire.read())
        assert connected.opcode == BINARY
        return wire

    return open_websocket


async def ask(wire: Wire, data: bytes, *, step: int = 0) -> list[Heard]:
    """Send `data` (in pieces of `step` bytes); what is answered until the server rests."""
    for begin in range(0, len(data), step or len(data)):
        if not await wire.send(data[begin : begin + (step or len(data))]):
            break
        await trio.testing.wait_all_tasks_blocked()
    heard = b""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                nonlocal heard
                while more := await wire.read():
                    heard += more

            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    return parse(heard)


def payload(heard: list[Heard]) -> bytes:
    """What came through the pipe."""
    return b"".join(one.data for one in heard if one.opcode == BINARY)


GOOD: dict[str, tuple[bytes, int]] = {
    # what is sent, how many chat PINGs are in it
    "one message": (frame(BINARY, CHAT_PING), 1),
    "an empty message": (frame(BINARY) + frame(BINARY, CHAT_PING), 1),
    "63 KiB in one message": (frame(BINARY, CHAT_PING * 32_000), 32_000),
    "125 bytes": (frame(BINARY, CHAT_PING * 62), 62),
    "126 bytes": (frame(BINARY, CHAT_PING * 63), 63),
    "65,534 bytes": (frame(BINARY, CHAT_PING * 32_767), 32_767),
    "65,536 bytes": (frame(BINARY, CHAT_PING * 32_768), 32_768),
    "a long form of a short length": (frame(BINARY, CHAT_PING, length_bytes=2), 1),
    "the longest form of a short length": (frame(BINARY, CHAT_PING, length_bytes=8), 1),
    "a mask of zeros": (frame(BINARY, CHAT_PING, mask=bytes(4)), 1),
    "a mask at random": (frame(BINARY, CHAT_PING, mask=random_mask()), 1),
    "two fragments": (frame(BINARY, CHAT_PING[:1], fin=False) + frame(CONT, CHAT_PING[1:]), 1),
    "empty fragments": (
        frame(BINARY, fin=False)
        + frame(CONT, fin=False) * 20
        + frame(CONT, CHAT_PING)
        + frame(BINARY, CHAT_PING),
        2,
    ),
    "ping and pong between fragments": (
        frame(BINARY, CHAT_PING[:1], fin=False)
        + frame(PING, b"?")
        + frame(PONG, b"!")
        + frame(CONT, CHAT_PING[1:]),
        1,
    ),
    "a hundred fragments": (
        frame(BINARY, CHAT_PING, fin=False) + frame(CONT, CHAT_PING, fin=False) * 98 + frame(CONT, CHAT_PING),
        100,
    ),
    "an unsolicited pong": (frame(PONG, b"x" * 125) + frame(BINARY, CHAT_PING), 1),
}
BREACHES: dict[str, tuple[bytes, int]] = {
    # what is sent, the close code expected
    **{f"reserved bits {rsv}": (frame(BINARY, CHAT_PING, rsv=rsv), 1002) for rsv in range(1, 8)},
    **{f"reserved bits {rsv} on a ping": (frame(PING, rsv=rsv), 1002) for rsv in (1, 2, 4)},
    **{f"opcode {opcode}": (frame(opcode, b"x"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    **{f"opcode {opcode}, empty": (frame(opcode), 1002) for opcode in (3, 7, 11, 15)},
    "a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a ping in fragments": (frame(PING, b"x", fin=False), 1002),
    "a pong in fragments": (frame(PONG, b"x", fin=False), 1002),
    "a close in fragments": (frame(CLOSE, b"", fin=False), 1002),
    "a close of 126 bytes": (frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    "a close of one byte": (frame(CLOSE, b"x"), 1002),
    "a close whose reason is no UTF-8": (close(1000, b"\xce\xba\xed\xa0\x80"), 1007),
    **{
        f"close code {code}": (close(code), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "no mask": (frame(BINARY, CHAT_PING, mask=None), 1002),
    "a continuation of nothing": (frame(CONT, CHAT_PING), 1002),
    "a continuation of nothing, not the last": (frame(CONT, CHAT_PING, fin=False), 1002),
    "a message within a message": (frame(BINARY, b"", fin=False) + frame(BINARY, CHAT_PING), 1002),
    "text": (frame(TEXT, b"hello"), 1003),
    "text in fragments": (frame(TEXT, b"hel", fin=False) + frame(CONT, b"lo"), 1003),
    "a message too long": (frame(BINARY, length_bytes=8)[:2] + (2**20).to_bytes(8, "big") + bytes(4), 1009),
    "a length beyond 63 bits": (frame(BINARY)[:1] + b"\xff" + b"\xff" * 8 + bytes(4), 1009),
    "fragments too long together": (
        frame(BINARY, CHAT_PING * 30_000, fin=False) + frame(CONT, CHAT_PING * 30_000, fin=False) * 9,
        1009,
    ),
}


@pytest.mark.parametrize("step", [0, 1], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("name", GOOD)
async def test_what_the_rfc_allows_passes_the_pipe(login: Login, name: str, step: int) -> None:
    data, pings = GOOD[name]
    if step and len(data) > 1000:
        step = 997
    wire = await login()
    heard = await ask(wire, data, step=step)
    assert payload(heard) == CHAT_PONG * pings
    assert not [one for one in heard if one.opcode == CLOSE]


@pytest.mark.parametrize("step", [0, 1], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("name", BREACHES)
async def test_what_the_rfc_forbids_is_closed_with_its_code_and_what_follows_is_not_heard(
    login: Login, name: str, step: int
) -> None:
    data, code = BREACHES[name]
    if step and len(data) > 1000:
        step = 997
    wire = await login()
    heard = await ask(wire, data + frame(BINARY, CHAT_PING), step=step)
    closes = [one.close_code for one in heard if one.opcode == CLOSE]
    assert closes == [code]
    assert await wire.read_all() == b""


@pytest.mark.parametrize("data", [b"", b"x", bytes(125), b"\xff\xfe\xfd"], ids=len)
async def test_a_ping_is_answered_with_the_same_payload(login: Login, data: bytes) -> None:
    for step in (0, 1):
        wire = await login()
        assert await ask(wire, frame(PING, data) * 10, step=step) == [Heard(PONG, data)] * 10


@pytest.mark.parametrize("code", [None, 1000, 1001, 1002, 1003, 1007, 1011, 3000, 3999, 4000, 4999])
async def test_a_close_is_echoed_once_and_the_connection_ends(login: Login, code: int | None) -> None:
    wire = await login()
    heard = await ask(wire, close(code) + frame(PING, b"late") + close(code))
    assert heard == [Heard(CLOSE, b"" if code is None else code.to_bytes(2, "big"))]
    assert await wire.read_all() == b""


async def test_a_close_between_fragments_is_a_close(login: Login) -> None:
    """Autobahn's 7.1.5."""
    wire = await login()
    heard = await ask(wire, frame(BINARY, CHAT_PING, fin=False) + close(1000) + frame(CONT, CHAT_PING))
    assert [one.close_code for one in heard if one.opcode == CLOSE] == [1000]


HANDSHAKES: dict[str, tuple[bytes, int]] = {
    "another method": (UPGRADE.replace(b"GET", b"POST"), 405),
    "HTTP/1.0": (UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"), 505),
    "no upgrade": (UPGRADE.replace(b"Upgrade: websocket\r\n", b""), 426),
    "another upgrade": (UPGRADE.replace(b"Upgrade: websocket", b"Upgrade: h2c"), 426),
    "no key": (UPGRADE.replace(b"Sec-WebSocket-Key: MDEyMzQ1Njc4OUFCQ0RFRg==\r\n", b""), 400),
    "a short key": (UPGRADE.replace(b"MDEyMzQ1Njc4OUFCQ0RFRg==", b"c2hvcnQ="), 400),
    "version 8": (UPGRADE.replace(b"Version: 13", b"Version: 8"), 400),
    "no version": (UPGRADE.replace(b"Sec-WebSocket-Version: 13\r\n", b""), 400),
}


@pytest.mark.parametrize("name", HANDSHAKES)
async def test_a_wrong_handshake_is_refused_and_hung_up(doors: Doors, name: str) -> None:
    request, status = HANDSHAKES[name]
    wire = await doors.dial("ws")
    await wire.send(request)
    answer = await wire.read_all()
    assert answer[:12] == b"HTTP/1.1 %d" % status, answer
    assert answer.count(b"Sec-WebSocket-Version: 13\r\n") == 1, "RFC 6455, 4.2.2"


async def test_the_accept_key_is_that_of_the_rfc(doors: Doors) -> None:
    wire = await doors.dial("ws")
    await wire.send(UPGRADE.replace(b"MDEyMzQ1Njc4OUFCQ0RFRg==", b"dGhlIHNhbXBsZSBub25jZQ=="))
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in await wire.read()


async def test_compression_is_not_agreed_to(doors: Doors) -> None:
    """A context of 64 KiB and more for each connection, and a way to send bombs."""
    wire = await doors.dial("ws")
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    await wire.send(UPGRADE.removesuffix(b"\r\n") + offer)
    assert b"extensions" not in (await wire.read()).lower()
