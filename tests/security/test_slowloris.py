"""Peers that talk as slowly as they can, or not at all: cut in seconds, while others are served."""

import pytest
import trio
import trio.testing

from improtocol import Connection, Side, frames
from tests.http.house import BODY
from tests.security.doors import UPGRADE, Doors, Wire

#: What the limits say; the wheel looks once a second, and time here moves in steps of a quarter.
CUT_S = 5
SLACK_S = 1.75

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


def slow_frame(doors: Doors) -> bytes:
    return Connection(Side.CLIENT).send(frames.Connect(token=doors.token("alice"), device="phone"))


def slow_message(doors: Doors) -> bytes:
    """A WebSocket whose handshake is quick and whose first message never ends."""
    data = slow_frame(doors)
    return bytes((0x82, 0x80 | 126)) + len(data).to_bytes(2, "big") + bytes(4) + data


async def seconds_until_cut(doors: Doors, wire: Wire, drip: bytes, *, every_s: float = 0.25) -> float:
    """Send one byte of `drip` after the other; when the server has had enough."""
    ended = trio.Event()

    async def listen() -> None:
        await wire.read_all()
        ended.set()

    begun_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        for index in range(200):
            if ended.is_set():
                break
            if drip:
                await wire.send(drip[index : index + 1] or b"a")
            await trio.testing.wait_all_tasks_blocked()
            await doors.pass_time(every_s, every_s)
        assert ended.is_set(), "never cut"
        return trio.current_time() - begun_s


@pytest.mark.parametrize("door", ["tcp", "ws", "http"])
async def test_slowloris_that_says_nothing_is_cut_within_5_s(doors: Doors, door: str) -> None:
    wire = await doors.dial(door)
    assert await seconds_until_cut(doors, wire, b"") <= CUT_S + SLACK_S


@pytest.mark.parametrize(
    ("door", "kind"), [("tcp", "frame"), ("ws", "upgrade"), ("ws", "message"), ("http", "header")]
)
async def test_slowloris_that_drips_bytes_is_cut_within_5_s(doors: Doors, door: str, kind: str) -> None:
    wire = await doors.dial(door)
    drip = {
        "frame": slow_frame(doors)[:100],
        "upgrade": UPGRADE[:60],
        "message": slow_message(doors)[:100],
        "header": REQUEST,
    }[kind]
    if kind == "message":
        await wire.send(UPGRADE)
        await wire.read()
    assert await seconds_until_cut(doors, wire, drip) <= CUT_S + SLACK_S


async def test_slowloris_on_a_kept_alive_http_connection_is_cut_too(doors: Doors) -> None:
    wire = await doors.dial("http")
    await wire.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await wire.read()).startswith(b"HTTP/1.1 200")
    assert await seconds_until_cut(doors, wire, REQUEST) <= CUT_S + SLACK_S


async def test_slow_body_without_a_ticket_is_answered_at_once_and_cut(doors: Doors) -> None:
    """Nobody holds a connection by a body who has no right to send one."""
    wire = await doors.dial("http")
    head = "".join(f"{name}: {value}\r\n" for name, value in (BODY | {"Tus-Resumable": "1.0.0"}).items())
    await wire.send(
        f"PATCH /uploads/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n{head}\r\n".encode()
    )
    assert await seconds_until_cut(doors, wire, b"x") <= CUT_S + SLACK_S


async def test_a_hundred_slow_peers_hold_up_nobody(doors: Doors) -> None:
    for n in range(100):
        wire = await doors.dial(("tcp", "ws", "http")[n % 3])
        await wire.send(b"G")
    alice, _ = await doors.login("alice")
    await alice.say(frames.Ping())
    assert await alice.hear() == frames.Pong()
    await doors.pass_time(CUT_S + SLACK_S + 3, 0.25)
    assert doors.gateway.statistics().connections == 1
    await alice.say(frames.Ping())
    assert await alice.hear() == frames.Pong()
