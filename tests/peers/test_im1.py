"""The generator's own im1 client agrees with the protocol's implementation, counters and proofs included."""

from benchmarks.peers.protocols.im1 import ACK_AFTER, Im1Device
from improtocol import NEED_DATA, Body, Connection, Entry, Side, Text, pack
from improtocol import frames as f
from improtocol.commands import Post
from improtocol.digest import sum_terms
from improtocol.frames import Frame

SESSION, SECRET, EPOCH, CONVERSATION, AT_MS = 2**50, b"s" * 16, 2**49, 2**48, 1_767_225_600_000
BODY = b"x" * 45


class Server:
    """The other end of a device's connection."""

    def __init__(self, device: Im1Device) -> None:
        self.device = device
        self.connection = Connection(Side.SERVER)
        device.connected()

    def hear(self) -> list[Frame]:
        """What the device says."""
        self.connection.receive_data(bytes(self.device.out))
        self.device.out.clear()
        found: list[Frame] = []
        while (frame := self.connection.next_event()) is not NEED_DATA:
            found.append(frame)
        return found

    def say(self, *said: Frame) -> None:
        """All of it in one piece, then nothing may be left unread."""
        self.device.receive(b"".join(self.connection.send(frame) for frame in said))
        assert not self.device.unreadable


def entries(first: int, count: int) -> tuple[Entry, ...]:
    return tuple(
        Entry(0, AT_MS + seq, "al", CONVERSATION, seq, pack(BODY.decode()))
        for seq in range(first, first + count)
    )


def attached() -> tuple[Im1Device, Server]:
    device = Im1Device("bob", "a.token")
    server = Server(device)
    assert server.hear() == [f.Connect(token="a.token", device="bench")]
    server.say(f.Connected(session=SESSION, secret=SECRET, epoch=EPOCH, accepted=0, head=0))
    assert device.attached
    return device, server


def post(counter: int, to: str = "al") -> f.Command:
    return f.Command(counter=counter, action=Post(conversation=to, body=Body(content=Text(BODY.decode()))))


def test_posts_are_commands_with_dense_counters_beyond_what_seven_bits_hold() -> None:
    device, server = attached()
    for counter in range(1, 300):
        device.send("al" if counter % 10 else "cy", BODY)
        assert server.hear() == [post(counter, "al" if counter % 10 else "cy")]
        server.say(f.Result(counter=counter, value=counter, at_ms=AT_MS + counter))
    assert len(device.acked) == 299
    assert not device.outbox


def test_a_resume_tells_cursor_next_counter_and_a_proof_then_sends_again() -> None:
    device, server = attached()
    device.send("al", BODY)
    device.send("al", BODY)
    server.hear()
    server.say(f.Result(counter=1, value=1, at_ms=AT_MS))
    received = entries(1, 10)
    server.say(f.Events(start=0, end=10, entries=received))
    assert device.received == [BODY] * 10
    device.lost()

    server = Server(device)
    proof = {"digest": sum_terms(received), "span": 10}
    resume = f.Resume(session=SESSION, secret=SECRET, epoch=EPOCH, cursor=10, next=2, **proof)
    assert server.hear() == [resume, post(2)]
    server.say(f.Resumed(accepted=2, head=30, behind_events=20, behind_bytes=1000))
    server.say(f.Result(counter=2, value=2, at_ms=AT_MS))
    server.say(f.Events(start=10, end=30, entries=entries(11, 20)))
    device.acknowledge()
    assert server.hear() == [f.Ack(count=20, digest=sum_terms(entries(11, 20)))]
    assert len(device.received) == 30


def test_it_acknowledges_by_itself_before_the_window_closes() -> None:
    _, server = attached()
    server.say(f.Events(start=0, end=ACK_AFTER - 1, entries=entries(1, ACK_AFTER - 1)))
    assert server.hear() == []
    server.say(f.Events(start=ACK_AFTER - 1, end=ACK_AFTER, entries=entries(ACK_AFTER, 1)))
    (ack,) = server.hear()
    assert isinstance(ack, f.Ack)
    assert ack.count == ACK_AFTER


def test_a_gap_ends_the_connection() -> None:
    device, server = attached()
    device.receive(server.connection.send(f.Events(start=5, end=6, entries=entries(6, 1))))
    assert "a gap" in device.unreadable
    assert device.received == []


def test_frames_are_put_together_from_single_bytes() -> None:
    device, server = attached()
    data = server.connection.send(f.Events(start=0, end=100, entries=entries(1, 100)))
    assert len(data) > 300
    for number in range(len(data)):
        device.receive(data[number : number + 1])
    assert device.received == [BODY] * 100
