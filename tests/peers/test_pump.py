"""The pump carries bytes, counts them, and can leave a connection half-open."""

import socket
from collections.abc import Iterator

import pytest

from benchmarks.peers.device import Device
from benchmarks.peers.pump import Pump


class Parrot(Device):
    """Greets with its name, then repeats what it hears in capitals."""

    def greet(self) -> None:
        self.out += self.name.encode()
        self.attached = True

    def receive(self, data: bytes) -> None:
        self.received.append(data)
        if data == b"nonsense":
            self.unreadable = "cannot read that"
        self.out += data.upper()

    def send(self, to: str, body: bytes) -> None:
        raise NotImplementedError

    def ping(self) -> None:
        raise NotImplementedError


class Room:
    """A pump with one parrot, connected to a socket of the test."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.pump = Pump()
        self.parrot = Parrot("polly")
        self.server = self.connect()

    def connect(self) -> socket.socket:
        self.pump.open(self.parrot, self.listener.getsockname())
        server, _ = self.listener.accept()
        server.settimeout(5)
        return server

    def close(self) -> None:
        self.pump.close()
        self.server.close()
        self.listener.close()


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    room.close()


def test_it_greets_answers_and_counts(room: Room) -> None:
    room.pump.until(lambda: room.parrot.attached)
    assert room.server.recv(100) == b"polly"
    room.server.sendall(b"hello")
    room.pump.until(lambda: bool(room.parrot.received))
    assert room.server.recv(100) == b"HELLO"
    line = room.pump.line(room.parrot)
    assert (line.bytes_in, line.bytes_out, line.flights) == (5, 10, 2)


def test_segments_are_counted_by_the_kernel(room: Room) -> None:
    room.pump.until(lambda: room.parrot.attached)
    line = room.pump.line(room.parrot)
    before = line.segments()
    assert before >= 3  # the handshake, the greeting
    room.server.sendall(b"hello")
    room.pump.until(lambda: bool(room.parrot.received))
    assert line.segments() - before >= 2


def test_a_dropped_connection_is_closed(room: Room) -> None:
    room.pump.until(lambda: room.parrot.attached)
    room.pump.drop(room.parrot)
    assert not room.parrot.attached
    assert room.server.recv(100) == b"polly"
    assert room.server.recv(100) == b""


def test_a_frozen_connection_stays_open_unread_while_the_next_one_lives(room: Room) -> None:
    room.pump.until(lambda: room.parrot.attached)
    assert room.server.recv(100) == b"polly"
    room.pump.freeze(room.parrot)
    with room.connect() as second:
        room.pump.until(lambda: room.parrot.attached)
        assert second.recv(100) == b"polly"
        room.server.sendall(b"into the void")
        second.sendall(b"hello")
        room.pump.until(lambda: bool(room.parrot.received))
        assert room.parrot.received == [b"hello"]
        room.server.setblocking(False)
        with pytest.raises(BlockingIOError):
            room.server.recv(100)


def test_a_peer_that_hangs_up_is_noticed(room: Room) -> None:
    room.pump.until(lambda: room.parrot.attached)
    room.server.close()
    with pytest.raises(RuntimeError, match="hung up on polly"):
        room.pump.until(lambda: False)


def test_what_a_device_cannot_read_ends_its_connection(room: Room) -> None:
    lost: list[Device] = []
    room.pump.on_lost = lost.append
    room.pump.until(lambda: room.parrot.attached)
    room.server.sendall(b"nonsense")
    room.pump.until(lambda: bool(lost))
    assert lost == [room.parrot]


def test_a_refused_connection_is_lost(room: Room) -> None:
    lost: list[Device] = []
    room.pump.on_lost = lost.append
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        room.pump.open(Parrot("coco"), nobody.getsockname())
        room.pump.until(lambda: bool(lost))
    assert [device.name for device in lost] == ["coco"]


def test_silence_is_an_error(room: Room) -> None:
    with pytest.raises(RuntimeError, match="fell silent"):
        room.pump.until(lambda: False, silent_s=0.0)


def test_something_else_gets_its_turn_within_a_long_one(room: Room) -> None:
    breaths: list[int] = []
    room.pump.on_breath = lambda: breaths.append(1)
    room.pump.until(lambda: room.parrot.attached)
    assert breaths
