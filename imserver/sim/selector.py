"""The poller over simulated sockets, which the pump waits on in place of the kernel's."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import trio

from imserver.gateway.poller import READ, WRITE
from imserver.sim.buggify import Buggify

#: Turns of the pump without the clock moving: more is a busy loop.
TURNS_AT_ONCE_MAX = 100_000


class BusyLoop(AssertionError):
    """The pump turns without getting anywhere."""


class SimSelector:
    """A `Poller`.

    Args:
        rng: shuffles what is ready.
        buggify: gives less than everything.
        turned: called with the data of what was handled, before the next wait.
    """

    def __init__(self, rng: Random, buggify: Buggify, turned: Callable[[list[Any]], None]) -> None:
        self._rng = rng
        self._buggify = buggify
        self._turned = turned
        #: What is told of a socket, and of which events.
        self._watched: dict[Any, tuple[Any, int]] = {}
        self._bell = trio.Event()
        self._handled: list[Any] = []
        self._turns = 0
        self._turn_s = 0.0
        self.deaf_until_s = 0.0

    def watch(self, sock: Any, item: Any, events: int) -> None:
        self._watched[sock] = item, events
        if events:
            self.wake()

    def forget(self, sock: Any) -> None:
        self._watched.pop(sock, None)

    def poll(self) -> list[tuple[Any, int]]:
        found = self._ready()
        if len(found) > 1:
            self._rng.shuffle(found)
            if self._buggify("select_tells_one"):
                found = found[:1]
        self._handled = [item for item, _ in found]
        return found

    def items(self) -> Iterator[Any]:
        return (item for item, _ in self._watched.values())

    def fileno(self) -> int:
        raise NotImplementedError("nothing of the kernel's: wait for `ready`")

    def close(self) -> None:
        self._watched.clear()

    def wake(self) -> None:
        """Something may have become ready."""
        self._bell.set()

    async def ready(self) -> None:
        """Return once something is."""
        handled, self._handled = self._handled, []
        self._turned(handled)
        while True:
            now_s = trio.current_time()
            if now_s < self.deaf_until_s:
                self._bell = trio.Event()
                with trio.move_on_at(self.deaf_until_s):
                    await self._bell.wait()  # it may be healed before
                continue
            if self._any_ready():
                self._count_turn(now_s)
                await trio.lowlevel.checkpoint()
                return
            self._bell = trio.Event()
            await self._bell.wait()

    def _count_turn(self, now_s: float) -> None:
        if now_s != self._turn_s:
            self._turn_s, self._turns = now_s, 0
        self._turns += 1
        if self._turns > TURNS_AT_ONCE_MAX:
            raise BusyLoop("the pump turns without getting anywhere")

    def _any_ready(self) -> bool:
        return any(
            (events & READ and sock.readable()) or (events & WRITE and sock.writable())
            for sock, (_, events) in self._watched.items()
        )

    def _ready(self) -> list[tuple[Any, int]]:
        found = []
        for sock, (item, wanted) in self._watched.items():
            events = READ if wanted & READ and sock.readable() else 0
            if wanted & WRITE and sock.writable():
                events |= WRITE
            if events:
                found.append((item, events))
        return found
