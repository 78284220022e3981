"""The pump: one selector, one heap of timers, any number of connections. Bytes in, device, bytes out."""

import heapq
import selectors
import time
from collections.abc import Callable
from itertools import count
from typing import Final, Protocol

#: A turn never waits longer, so that whoever drives the pump gets to look around.
_WAIT_S_MAX: Final = 0.1
#: Items that may wait to be flushed: what the first of them say must not wait for thousands of others.
_FLUSH_EVERY: Final = 64


class Pumped(Protocol):
    """What the pump moves."""

    def ready(self, *, reading: bool, writing: bool) -> None:
        """Its socket is."""

    def flush(self) -> None:
        """Write what has gathered; called once a turn for those that asked."""


class Pump:
    """Waits for sockets and moments.

    Args:
        clock: seconds, monotonic.
        selector: what says which sockets are ready.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, selector: selectors.BaseSelector | None = None
    ) -> None:
        self.clock = clock
        self.now_s = clock()
        self._selector = selector or selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._to_flush: dict[Pumped, None] = {}

    def at(self, due_s: float, call: Callable[[], None]) -> None:
        """Call `call` at `due_s`, or with the first turn after it."""
        heapq.heappush(self._timers, (due_s, next(self._order), call))

    def flush_later(self, item: Pumped) -> None:
        """Call `item.flush` at the end of this turn: frames gather, and leave in one system call."""
        self._to_flush[item] = None

    def watch(self, file: int, item: Pumped, *, writing: bool) -> None:
        """Wait for `file` to become readable, and writable if asked."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        key = self._selector.get_map().get(file)
        if key is None:
            self._selector.register(file, events, item)
        elif key.events != events or key.data is not item:
            self._selector.modify(file, events, item)

    def ignore(self, file: int) -> None:
        """Stop waiting for `file`."""
        if file in self._selector.get_map():
            self._selector.unregister(file)

    def turn(self, until_s: float) -> None:
        """Do what is due and handle what is ready; wait for it until `until_s`, and 0.1 s, at most."""
        self.now_s = now_s = self.clock()
        while self._timers and self._timers[0][0] <= now_s:
            heapq.heappop(self._timers)[2]()
        self._flush()
        next_s = min(until_s, self._timers[0][0] if self._timers else until_s)
        wait_s = max(0.0, min(next_s - now_s, _WAIT_S_MAX))
        for key, events in self._selector.select(wait_s):
            # Anew for each: thousands may be ready, and what waits its turn has not been received yet.
            self.now_s = self.clock()
            key.data.ready(
                reading=bool(events & selectors.EVENT_READ), writing=bool(events & selectors.EVENT_WRITE)
            )
            if len(self._to_flush) >= _FLUSH_EVERY:
                self._flush()
        self._flush()

    def _flush(self) -> None:
        while self._to_flush:
            items, self._to_flush = self._to_flush, {}
            for item in items:
                item.flush()

    def close(self) -> None:
        """Give the selector back."""
        self._selector.close()
