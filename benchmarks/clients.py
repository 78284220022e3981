"""The generator: many raw clients on one selector, on the sans-IO protocol."""

import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from imload.lines import source_of
from improtocol import frames
from improtocol.body import Body
from improtocol.commands import Action, Post
from improtocol.connection import NEED_DATA, Connection
from improtocol.content import Text
from improtocol.entries import Kind
from improtocol.frames import Frame
from improtocol.state import Side

TEXT = "x" * 45
_ACK_EVERY = 32


class Client:
    """One connection. Counts what it posts and receives; fails on what is lost, doubled or reordered."""

    __slots__ = (
        "connection",
        "counter",
        "cursor",
        "epoch",
        "goal",
        "in_flight",
        "last_seq",
        "on_frame",
        "out",
        "peer",
        "received",
        "results",
        "secret",
        "session",
        "socket",
        "unacked",
        "user",
        "wanted",
    )

    def __init__(self, sock: socket.socket, user: str) -> None:
        self.socket = sock
        self.connection = Connection(Side.CLIENT)
        self.user = user
        self.peer: int | str = ""
        self.session = 0
        self.secret = b""
        self.epoch = 0
        #: Post up to this counter, and receive so many messages: what `Traffic` asks of it.
        self.goal = 0
        self.wanted = 0
        self.counter = 0
        self.results = 0
        self.in_flight = 0
        self.received = 0
        self.unacked = 0
        self.cursor = 0
        self.last_seq: dict[int, int] = {}
        self.out: deque[bytes] = deque()
        self.on_frame: Callable[[Client, Frame], None] | None = None

    @classmethod
    def dial(cls, url: str, user: str, source: str | None = None) -> "Client":
        """A client on a new connection to `url`, from the address `source`."""
        return cls(_dial(url, source), user)

    def take_over(self, old: "Client") -> None:
        """Go on as the device that `old` was, which has heard all results: queue its RESUME."""
        self.session, self.secret, self.epoch = old.session, old.secret, old.epoch
        self.peer, self.counter, self.results = old.peer, old.counter, old.results
        self.received, self.cursor, self.last_seq = old.received, old.cursor, old.last_seq
        self.resume()

    def resume(self, digest: int | None = None, span: int = 0) -> None:
        """Queue the RESUME of what it is; the server compares `digest` of the last `span` positions."""
        self.queue(
            frames.Resume(
                session=self.session,
                secret=self.secret,
                epoch=self.epoch,
                cursor=self.cursor,
                next=self.counter + 1,
                digest=digest,
                span=span,
            )
        )

    def queue(self, frame: Frame) -> None:
        """Send with the next `flush`."""
        self.out.append(self.connection.send(frame))

    def post(self) -> None:
        """Post one message of 45 bytes to the peer."""
        self.do(Post(conversation=self.peer, body=Body(content=Text(TEXT))))

    def do(self, action: Action) -> None:
        """Send a command."""
        self.counter += 1
        self.in_flight += 1
        self.queue(frames.Command(counter=self.counter, action=action))

    def flush(self) -> None:
        """Write what was queued. The generator's windows keep it far below a socket buffer."""
        if self.out:
            data = b"".join(self.out)
            self.out.clear()
            sent = self.socket.send(data)
            if sent != len(data):
                raise RuntimeError("the server does not read: the kernel's buffer is full")

    def readable(self) -> None:
        """Read, and count every frame."""
        data = self.socket.recv(65536)
        if not data:
            raise RuntimeError(f"the server hung up on {self.user}")
        self.connection.receive_data(data)
        while (frame := self.connection.next_event()) is not NEED_DATA:
            self._count(frame)
            if self.on_frame is not None:
                self.on_frame(self, frame)

    def _count(self, frame: Frame) -> None:
        if type(frame) is frames.Result:
            self.results += 1
            self.in_flight -= 1
            if frame.code or frame.counter != self.results:
                raise RuntimeError(f"{self.user}: unexpected {frame}")
        elif type(frame) is frames.Events:
            self._count_events(frame)
        elif type(frame) is frames.Connected:
            self.session, self.secret, self.epoch = frame.session, frame.secret, frame.epoch
            self.counter = self.results = frame.accepted
        elif type(frame) is frames.Resync:
            # A device whose earlier life does not matter: it goes on from the head.
            self.cursor = frame.head
            self.queue(frames.Seek(position=frame.head))
        elif type(frame) is frames.Close:
            raise RuntimeError(f"{self.user}: closed by the server: {frame}")

    def _count_events(self, frame: frames.Events) -> None:
        if frame.start != self.cursor:
            raise RuntimeError(f"{self.user}: a gap: events from {frame.start}, cursor at {self.cursor}")
        for entry in frame.entries:
            if entry.kind == Kind.MESSAGE:
                before = self.last_seq.get(entry.conversation)
                if before is not None and entry.seq != before + 1:
                    raise RuntimeError(f"{self.user}: {entry.seq} after {before}")
                self.received += 1
            self.last_seq[entry.conversation] = entry.seq
        self.unacked += frame.end - frame.start
        self.cursor = frame.end
        if self.unacked >= _ACK_EVERY:
            self.queue(frames.Ack(count=self.unacked))
            self.unacked = 0

    def close(self) -> None:
        """Give the socket back."""
        self.socket.close()


def _dial(url: str, source: str | None) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None
    sock = socket.create_connection(
        (parts.hostname, parts.port or 0), timeout=10, source_address=(source, 0) if source else None
    )
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    return sock


class Crowd:
    """Clients on one selector."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self.selector = selectors.DefaultSelector()
        self.clients = list(clients)
        for client in self.clients:
            self.selector.register(client.socket, selectors.EVENT_READ, client)

    def turn(self, timeout_s: float = 5.0) -> bool:
        """Read what is there and write what that calls for; False when nothing came in time."""
        ready = self.selector.select(timeout_s)
        for key, _ in ready:
            key.data.readable()
        for key, _ in ready:
            key.data.flush()
        return bool(ready)

    def until(self, done: Callable[[], bool]) -> None:
        """Turn until `done`. Raises `RuntimeError` when the server falls silent before."""
        while not done():
            if not self.turn():
                raise RuntimeError("the server fell silent")

    def close(self) -> None:
        """Hang up."""
        self.selector.close()
        for client in self.clients:
            client.close()


def connect_all(url: str, users: Iterable[str], token: Callable[[str], str]) -> Crowd:
    """Log in these users, 200 at a time, from addresses all over 127.0.0.0/8."""
    names = list(users)
    clients: list[Client] = []
    for begin in range(0, len(names), 200):
        batch = []
        for index, user in enumerate(names[begin : begin + 200], begin):
            client = Client.dial(url, user, source_of(index, 0))
            client.queue(frames.Connect(token=token(user), device="bench"))
            client.flush()
            batch.append(client)
        crowd = Crowd(batch)
        waiting = set(batch)

        def note(client: Client, frame: Frame, waiting: set[Client] = waiting) -> None:
            if type(frame) is frames.Connected:
                waiting.discard(client)

        for client in batch:
            client.on_frame = note
        crowd.until(lambda waiting=waiting: not waiting)  # type: ignore[misc]
        crowd.selector.close()
        for client in batch:
            client.on_frame = None
        clients += batch
    return Crowd(clients)
