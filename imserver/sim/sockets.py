"""The server's ends: objects with the methods of a non-blocking `socket.socket` that the gateway uses."""

import errno
from collections import deque

from imserver.sim.buggify import Buggify
from imserver.sim.pipes import Connection
from imserver.sim.selector import SimSelector


class SimSocket:
    """The server's end of a connection."""

    def __init__(self, connection: Connection, selector: SimSelector, buggify: Buggify) -> None:
        self.connection = connection
        self._selector = selector
        self._buggify = buggify
        self.dead = False  #: the process that had it is gone
        connection.wake_server = selector.wake

    def readable(self) -> bool:
        """What the selector asks."""
        return self.connection.server_broken or self.connection.up.readable

    def writable(self) -> bool:
        """What the selector asks."""
        return self.connection.server_broken or self.connection.down.room > 0

    def _check(self) -> None:
        if self.dead or self.connection.server_closed:
            raise OSError(errno.EBADF, "closed")
        if self.connection.server_broken:
            raise ConnectionResetError(errno.ECONNRESET, "reset by peer")

    def recv(self, size: int) -> bytes:
        """See `socket.recv`."""
        self._check()
        up = self.connection.up
        if not up.readable or self._buggify("recv_would_block"):
            raise BlockingIOError
        data = up.read(1 if self._buggify("recv_one_byte") else size)
        self.connection.note("recv", data)
        return data

    def send(self, data: bytes) -> int:
        """See `socket.send`."""
        self._check()
        if self._buggify("send_would_block"):
            self._selector.wake()
            raise BlockingIOError
        late = self._buggify("second_half_late")
        half = late or self._buggify("send_takes_half")
        count = self.connection.down.write(data[: max(1, len(data) // 2)] if half else data)
        if late:
            self.connection.down.pause()
        if not count:
            raise BlockingIOError
        self.connection.note("send", data[:count])
        return count

    def shutdown(self, _: int) -> None:
        """Only ever the writing half."""
        self._check()
        self.connection.down.finish()

    def close(self) -> None:
        """Let go; the peer hears FIN."""
        if not self.connection.server_closed:
            self.connection.server_closed = True
            self.connection.down.finish()

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""


class SimDoor:
    """The listening socket: a bounded queue of connections that the process has not accepted yet."""

    def __init__(self, selector: SimSelector, buggify: Buggify, backlog: int) -> None:
        self._selector = selector
        self._buggify = buggify
        self.backlog = backlog
        self.queue: deque[SimSocket] = deque()
        self.closed = False

    def readable(self) -> bool:
        """What the selector asks."""
        return bool(self.queue)

    def writable(self) -> bool:
        """A listening socket never is."""
        return False

    def arrive(self, connection: Connection) -> bool:
        """A handshake completes, unless the queue is full: then nobody answers."""
        if len(self.queue) >= self.backlog:
            return False
        self.queue.append(SimSocket(connection, self._selector, self._buggify))
        self._selector.wake()
        return True

    def accept(self) -> tuple[SimSocket, None]:
        """See `socket.accept`."""
        if not self.queue:
            raise BlockingIOError
        if self._buggify("accept_no_descriptors"):
            raise OSError(errno.EMFILE, "too many open files")
        return self.queue.popleft(), None

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def setsockopt(self, *_: object) -> None:
        """There is nothing to set."""

    def close(self) -> None:
        """Nothing is accepted any more; who waits is reset."""
        self.closed = True
        while self.queue:
            self.queue.popleft().connection.break_client()
