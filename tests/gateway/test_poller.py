"""Both pollers: the one on epoll, and the one for systems that have none."""

import os
import socket
from collections.abc import Callable, Iterator

import pytest

from imserver.gateway.poller import READ, WRITE, EpollPoller, Poller, SelectorPoller, kernel_poller

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=[EpollPoller, SelectorPoller])
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    make: Callable[[], Poller] = request.param
    made = make()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_what_is_watched_is_told_with_its_item_as_long_as_it_is_ready(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.watch(ours, "it", READ)
    assert poller.poll() == []
    theirs.send(b"x")
    assert poller.poll() == [("it", READ)]
    assert poller.poll() == [("it", READ)]
    ours.recv(1)
    assert poller.poll() == []


def test_only_the_events_asked_for_are_told(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.watch(ours, "it", WRITE)
    assert poller.poll() == [("it", WRITE)]
    poller.watch(ours, "it", READ | WRITE)
    assert poller.poll() == [("it", READ | WRITE)]
    poller.watch(ours, "it", 0)
    assert poller.poll() == []
    poller.watch(ours, "it", READ)
    assert poller.poll() == [("it", READ)]


def test_what_was_forgotten_is_not_told_and_may_be_forgotten_again(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.watch(ours, "it", READ | WRITE)
    poller.forget(ours)
    poller.forget(ours)
    assert poller.poll() == []


def test_a_descriptor_used_again_tells_its_new_item(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.watch(ours, "old", READ | WRITE)
    theirs.send(b"x")
    number = ours.fileno()
    poller.forget(ours)
    ours.close()
    one, other = socket.socketpair()
    if one.fileno() != number:
        one = socket.socket(fileno=os.dup2(one.detach(), number))
    with one, other:
        poller.watch(one, "new", READ)
        assert poller.poll() == []
        other.send(b"y")
        assert poller.poll() == [("new", READ)]
        poller.forget(one)


def test_the_end_of_the_peer_is_told_as_readable(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.watch(ours, "it", READ)
    theirs.close()
    ((item, events),) = poller.poll()
    assert item == "it"
    assert events & READ


def test_the_systems_best_has_a_descriptor_to_wait_for() -> None:
    poller = kernel_poller()
    assert poller.fileno() >= 0
    poller.close()
