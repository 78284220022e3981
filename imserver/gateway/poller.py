"""Which sockets are ready: epoll with one list beside it, or whatever else the system has.

`selectors` would do, and does elsewhere than on Linux. It keeps a tuple of four and a dict's entry for each
socket, 190 bytes of an idle connection; the list, by descriptor, takes 8. And it answers a question after an
unknown socket with an error text that asks the kernel for two addresses.
"""

import select
import selectors
import socket
from collections.abc import Iterator
from typing import Any, Final, Protocol

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE

#: Told of at once; the others come next time, and the kernel takes turns.
_READY_MAX: Final = 1024


class Poller(Protocol):
    """Level-triggered readiness of sockets."""

    def watch(self, sock: socket.socket, item: Any, events: int) -> None:
        """Tell `item` when `sock` is ready for one of `events` (`READ`, `WRITE`, both, or 0: not now)."""

    def forget(self, sock: socket.socket) -> None:
        """Tell of `sock` no more. It must be closed at once."""

    def poll(self) -> list[tuple[Any, int]]:
        """What is ready now: (item, events). An end or an error of the peer counts as both."""

    def items(self) -> Iterator[Any]:
        """The items of all sockets that were not forgotten."""

    def fileno(self) -> int:
        """Readable as soon as `poll` has something to tell."""

    def close(self) -> None:
        """Give it back."""


class EpollPoller:
    """See `Poller`; Linux."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        #: By descriptor, which the kernel gives out from the lowest.
        self._items: list[Any] = []
        #: Those waited for otherwise than to be read: few.
        self._events: dict[int, int] = {}

    def watch(self, sock: socket.socket, item: Any, events: int) -> None:
        fd = sock.fileno()
        items = self._items
        if fd >= len(items):
            items += [None] * (fd + 1 - len(items))
        before = self._events.get(fd, READ) if items[fd] is not None else 0
        items[fd] = item
        if events == before:
            return
        mask = (select.EPOLLIN if events & READ else 0) | (select.EPOLLOUT if events & WRITE else 0)
        if not events:
            self._epoll.unregister(fd)
        elif before:
            self._epoll.modify(fd, mask)
        else:
            self._epoll.register(fd, mask)
        if events == READ:
            self._events.pop(fd, None)
        else:
            self._events[fd] = events

    def forget(self, sock: socket.socket) -> None:
        fd = sock.fileno()
        if fd < len(self._items):
            # No call to the kernel: a socket that is closed leaves its lists by itself (epoll(7)).
            self._items[fd] = None
            self._events.pop(fd, None)

    def poll(self) -> list[tuple[Any, int]]:
        items = self._items
        ready = []
        for fd, mask in self._epoll.poll(0, _READY_MAX):
            if (item := items[fd]) is not None:
                events = (READ if mask & ~select.EPOLLOUT else 0) | (WRITE if mask & ~select.EPOLLIN else 0)
                ready.append((item, events))
        return ready

    def items(self) -> Iterator[Any]:
        return (item for item in self._items if item is not None)

    def fileno(self) -> int:
        return self._epoll.fileno()

    def close(self) -> None:
        self._epoll.close()
        self._items.clear()


class SelectorPoller:
    """See `Poller`; where there is no epoll."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._items: dict[int, Any] = {}

    def watch(self, sock: socket.socket, item: Any, events: int) -> None:
        self._items[sock.fileno()] = item
        known = sock.fileno() in self._selector.get_map()
        if known and events:
            self._selector.modify(sock, events, item)
        elif known:
            self._selector.unregister(sock)
        elif events:
            self._selector.register(sock, events, item)

    def forget(self, sock: socket.socket) -> None:
        self._items.pop(sock.fileno(), None)
        if sock.fileno() in self._selector.get_map():
            self._selector.unregister(sock)

    def poll(self) -> list[tuple[Any, int]]:
        return [(key.data, events) for key, events in self._selector.select(0)]

    def items(self) -> Iterator[Any]:
        return iter(self._items.values())

    def fileno(self) -> int:
        return self._selector.fileno()

    def close(self) -> None:
        self._selector.close()


def kernel_poller() -> Poller:
    """The best one of this system."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()
