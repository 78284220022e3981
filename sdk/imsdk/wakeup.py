"""Waking tasks up: a bell that many may wait for, and the recent part of a stream."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Bell:
    """Something may have changed; look again. Rings are never lost: take `listen()` before looking.

    Holds no queue, so it cannot grow: whoever is late finds the newest state.
    """

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        """Wake everyone who listens."""
        event, self._event = self._event, trio.Event()
        event.set()

    def listen(self) -> trio.Event:
        """The event that the next ring sets."""
        return self._event

    async def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait until `true()`, looked at after each ring."""
        while True:
            event = self._event
            if true():
                return
            await event.wait()


class Recent(Generic[T]):
    """The last `size` things of a stream, for readers that each remember how many they have seen."""

    __slots__ = ("_items", "count")

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque(maxlen=size)
        self.count = 0  #: all there ever were

    def append(self, item: T) -> None:
        """Add one; the oldest goes."""
        self._items.append(item)
        self.count += 1

    def after(self, seen: int) -> tuple[int, list[T]]:
        """(count, those after the first `seen`), as far as they are still here."""
        news = min(self.count - seen, len(self._items))
        return self.count, list(self._items)[len(self._items) - news :]
