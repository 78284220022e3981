"""The floor: a relay that keeps nothing but a list for those who are away, in memory.

A frame is its length (one byte), a kind (one byte) and the rest. `H name` answers `h`; `M id to NUL body`
answers `a id` at once, and the recipient gets `D body`; `P` answers `p`. Run: `python relay_server.py PORT`
for asyncio's loop, as one would write it; `python relay_server.py PORT epoll` for one of system calls alone,
below which nothing in Python's standard library can come.
"""

import asyncio
import contextlib
import select
import socket
import sys
from typing import ClassVar


class Relay:
    """One connection."""

    connected: ClassVar[dict[bytes, "Relay"]] = {}
    away: ClassVar[dict[bytes, list[bytes]]] = {}

    def __init__(self) -> None:
        self.buffer = b""
        self.name = b""

    def write(self, data: bytes) -> None:
        """To the app."""
        raise NotImplementedError

    def gone(self) -> None:
        """The connection is."""
        if self.connected.get(self.name) is self:
            del self.connected[self.name]

    def received(self, data: bytes) -> None:
        """From the app."""
        data = self.buffer + data
        at = 0
        answers = []
        while at < len(data) and at + 1 + data[at] <= len(data):
            frame = data[at + 1 : at + 1 + data[at]]
            at += 1 + data[at]
            if frame[:1] == b"M":
                to, _, body = frame[3:].partition(b"\0")
                self.post(to, bytes((1 + len(body),)) + b"D" + body)
                answers.append(b"\x03a" + frame[1:3])
            elif frame[:1] == b"H":
                self.name = frame[1:].partition(b"\0")[0]
                self.connected[self.name] = self
                answers += [b"\x01h", *self.away.pop(self.name, [])]
            else:
                answers.append(b"\x01p")
        self.buffer = data[at:]
        if answers:
            self.write(b"".join(answers))

    def post(self, to: bytes, frame: bytes) -> None:
        """Give a frame to whoever is there, or keep it for later."""
        peer = self.connected.get(to)
        if peer is None:
            self.away.setdefault(to, []).append(frame)
        else:
            peer.write(frame)


class AsyncioRelay(Relay, asyncio.Protocol):
    """On a transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.data_received = self.received
        self.write = transport.write

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.gone()


class EpollRelay(Relay):
    """On a socket. What the kernel has no room for is lost: the floor promises nothing."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self.socket = sock

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self.socket.send(data)


async def serve_asyncio(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(AsyncioRelay, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def serve_epoll(port: int) -> None:
    """Serve until killed."""
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    relays: dict[int, EpollRelay] = {}
    while True:
        for fd, _ in poller.poll(-1, 1024):
            relay = relays.get(fd)
            if relay is None:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        sock, _address = listener.accept()
                        sock.setblocking(False)
                        relays[sock.fileno()] = EpollRelay(sock)
                        poller.register(sock, select.EPOLLIN)
                continue
            try:
                data = relay.socket.recv(65536)
            except OSError:
                data = b""
            if data:
                relay.received(data)
            else:
                relay.gone()
                del relays[fd]
                relay.socket.close()


if __name__ == "__main__":
    if sys.argv[2:] == ["epoll"]:
        serve_epoll(int(sys.argv[1]))
    else:
        asyncio.run(serve_asyncio(int(sys.argv[1])))
