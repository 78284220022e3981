"""Over WebSocket the generator's im1 client says the same frames, each burst as one binary message."""

import pytest

from benchmarks.peers.protocols.im1 import Im1Device
from benchmarks.peers.protocols.im1_websocket import Im1WebSocketDevice
from benchmarks.peers.protocols.websocket import BINARY, frame
from improtocol import Connection, Entry, Side, pack
from improtocol import frames as f
from tests.peers.dialogue import hear, said

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@pytest.fixture(params=[True, False], ids=["at once", "byte by byte"])
def at_once(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_it_says_what_the_device_of_the_socket_says_in_binary_messages(at_once: bool) -> None:
    plain, wrapped = Im1Device("bob", "a.token"), Im1WebSocketDevice("bob", "a.token")
    plain.connected()
    wrapped.connected()
    upgrade = said(wrapped)
    assert upgrade.startswith(b"GET / HTTP/1.1\r\n")
    assert upgrade.endswith(b"Sec-WebSocket-Protocol: im1\r\n\r\n")
    hear(wrapped, UPGRADED, at_once=at_once)
    hello = said(plain)
    assert said(wrapped) == frame(hello, BINARY)

    server = Connection(Side.SERVER)
    server.receive_data(hello)
    server.next_event()
    connected = server.send(f.Connected(session=2**50, secret=b"s" * 16, epoch=2**49, accepted=0, head=0))
    entry = Entry(0, 1_767_225_600_000, "al", 2**48, 1, pack("hola"))
    told = connected + server.send(f.Events(start=0, end=1, entries=(entry,)))
    hear(plain, told, at_once=at_once)
    hear(wrapped, bytes((0x82, len(told))) + told, at_once=at_once)
    assert wrapped.attached
    for device in (plain, wrapped):
        device.send("al", b"x" * 45)
    assert said(wrapped) == frame(said(plain), BINARY)
    for device in (plain, wrapped):
        device.ping()  # the acknowledgement goes with it
    assert said(wrapped) == frame(said(plain), BINARY)


def test_two_messages_before_a_flush_are_two_frames() -> None:
    wrapped = Im1WebSocketDevice("bob", "a.token")
    wrapped.attached = True
    wrapped.send("al", b"x" * 45)
    first = bytes(wrapped.out)
    wrapped.send("al", b"y" * 45)
    assert bytes(wrapped.out).startswith(first)
    assert bytes(wrapped.out)[len(first) : len(first) + 1] == b"\x82"
