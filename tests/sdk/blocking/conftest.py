"""A blocking client on the fake server: real threads, no sockets, no waiting for wall time."""

import queue
from collections.abc import Callable, Iterator
from random import Random

import pytest

from imsdk import blocking
from imsdk.testing import Server


class LittleDelay(Random):
    """Reconnects almost at once, so that no test waits."""

    def uniform(self, a: float, b: float) -> float:
        return min(b, 0.005)


class Inbox:
    """A callback that hands on what it gets, and to whom."""

    def __init__(self) -> None:
        self.items: queue.Queue[object] = queue.Queue()

    def __call__(self, item: object) -> None:
        self.items.put(item)

    def get(self) -> object:
        return self.items.get(timeout=20)

    def texts(self, count: int) -> list[str]:
        return [self.get().content.text for _ in range(count)]


@pytest.fixture
def server() -> Server:
    return Server(seed=3)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., blocking.Client]]:
    """Makes blocking clients of the server, closed at the end. All in one test must follow one another: the
    fake
    server lives in the loop of one client at a time."""
    made = []

    def make(user: str = "alice", **options: object) -> blocking.Client:
        options = {"token": server.token(user)} | options
        im = blocking.connect(
            server.url, dialer=server.dialer(), transfers=server.transfers(), rng=LittleDelay(), **options
        )
        made.append(im)
        return im

    yield make
    for im in made:
        im.close()
