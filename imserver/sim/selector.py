"""The selector over simulated sockets, which the pump waits on in place of the kernel's."""

import selectors
from collections.abc import Callable
from random import Random
from typing import Any

import trio

from imserver.sim.buggify import Buggify

#: Turns of the pump without the clock moving: more is a busy loop.
TURNS_AT_ONCE_MAX = 100_000


class BusyLoop(AssertionError):
    """The pump turns without getting anywhere."""


class SimSelector(selectors.BaseSelector):
    """Level-triggered, as epoll is used by the pump.

    Args:
        rng: shuffles what is ready.
        buggify: gives less than everything.
        turned: called with the data of what was handled, before the next wait.
    """

    def __init__(self, rng: Random, buggify: Buggify, turned: Callable[[list[Any]], None]) -> None:
        self._rng = rng
        self._buggify = buggify
        self._turned = turned
        self._keys: dict[Any, selectors.SelectorKey] = {}
        self._bell = trio.Event()
        self._handled: list[Any] = []
        self._turns = 0
        self._turn_s = 0.0
        self.deaf_until_s = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if fileobj in self._keys:
            raise KeyError(f"{fileobj!r} is registered")
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        self.wake()
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        self.wake()
        return key

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = self._ready()
        if len(found) > 1:
            self._rng.shuffle(found)
            if self._buggify("select_tells_one"):
                found = found[:1]
        self._handled = [key.data for key, _ in found]
        return found

    def close(self) -> None:
        self._keys.clear()

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
                await trio.sleep_until(self.deaf_until_s)
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
            (key.events & selectors.EVENT_READ and sock.readable())
            or (key.events & selectors.EVENT_WRITE and sock.writable())
            for sock, key in self._keys.items()
        )

    def _ready(self) -> list[tuple[selectors.SelectorKey, int]]:
        found = []
        for sock, key in self._keys.items():
            events = selectors.EVENT_READ if key.events & selectors.EVENT_READ and sock.readable() else 0
            if key.events & selectors.EVENT_WRITE and sock.writable():
                events |= selectors.EVENT_WRITE
            if events:
                found.append((key, events))
        return found
