"""Sockets that only pump and client share: no kernel, so bytes come in the same pieces each time."""

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import trio

from imserver.gateway.poller import READ


class Half:
    """One end of a connection: the methods of a non-blocking `socket.socket` that our code uses.

    What the server's end is asked is counted in `asked`: each is a system call of the real one.
    """

    def __init__(self, asked: Counter[str] | None = None) -> None:
        self.asked = asked
        self.inbox: deque[bytes] = deque()
        self.other: Half | None = None
        self.hung_up = False
        #: Both ways.
        self.carried_bytes = 0

    def _count(self, what: str) -> None:
        if self.asked is not None:
            self.asked[what] += 1

    def recv(self, size: int) -> bytes:
        self._count("recv")
        if not self.inbox:
            if self.other is None or self.other.hung_up:
                return b""
            raise BlockingIOError
        waiting = b"".join(self.inbox)
        self.inbox.clear()
        if waiting[size:]:
            self.inbox.append(waiting[size:])
        return waiting[:size]

    def send(self, data: bytes) -> int:
        self._count("send")
        assert self.other is not None
        self.other.inbox.append(bytes(data))
        self.carried_bytes += len(data)
        self.other.carried_bytes += len(data)
        return len(data)

    def readable(self) -> bool:
        return bool(self.inbox) or self.other is None or self.other.hung_up

    def setblocking(self, flag: bool) -> None:
        pass

    def setsockopt(self, *_: object) -> None:
        pass

    def shutdown(self, _: int) -> None:
        self.hung_up = True

    def close(self) -> None:
        self.hung_up = True


class Door:
    """The listening socket."""

    def __init__(self, asked: Counter[str]) -> None:
        self._asked = asked
        self._queue: deque[Half] = deque()

    def dial(self, client: Half) -> None:
        """`client` is the client's end of a new connection."""
        server = Half(self._asked)
        client.other, server.other = server, client
        self._queue.append(server)

    def accept(self) -> tuple[Half, None]:
        if not self._queue:
            raise BlockingIOError
        return self._queue.popleft(), None

    def readable(self) -> bool:
        return bool(self._queue)

    def setblocking(self, flag: bool) -> None:
        pass

    def setsockopt(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


class Poller:
    """Tells what is ready, in the order in which it was first watched. Wakes only when the test says `go`."""

    def __init__(self, asked: Counter[str]) -> None:
        self._asked = asked
        self._watched: dict[Any, tuple[Any, int]] = {}
        self._go = trio.Event()

    def watch(self, sock: Any, item: Any, events: int) -> None:
        self._watched[sock] = item, events

    def forget(self, sock: Any) -> None:
        self._watched.pop(sock, None)

    def poll(self) -> list[tuple[Any, int]]:
        self._asked["poll"] += 1
        return self._ready()

    def _ready(self) -> list[tuple[Any, int]]:
        return [
            (item, READ)
            for sock, (item, events) in self._watched.items()
            if events & READ and sock.readable()
        ]

    def items(self) -> Iterator[Any]:
        return (item for item, _ in self._watched.values())

    def go(self) -> None:
        """Look again."""
        self._go.set()

    async def ready(self) -> None:
        while not self._ready():
            self._go = trio.Event()
            await self._go.wait()
        await trio.lowlevel.checkpoint()

    def fileno(self) -> int:
        raise NotImplementedError("nothing of the kernel's: wait for `ready`")

    def close(self) -> None:
        self._watched.clear()
