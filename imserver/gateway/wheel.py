"""A timer wheel: one slot a second, a connection in one slot.

Thousands of keepalive deadlines cost one list append each.

Deadlines move with every frame heard, but the wheel is not touched then: when a slot comes up, each
connection in it says its deadline as of now, and is put further on if that lies ahead (lazy re-arming, as
in the Linux kernel's and Netty's timers).
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class TimerWheel(Generic[T]):
    """Items by the second in which to look at them. Times are any clock's seconds.

    A turn is `slots` seconds long.
    """

    def __init__(self, now_s: float, slots: int = 1024) -> None:
        self._slots: list[list[T]] = [[] for _ in range(slots)]
        self._second = int(now_s)
        #: What `add` returned last: told again, so that thousands who come at once share one object.
        self._told_s = now_s

    def add(self, item: T, at_s: float) -> float:
        """Look at `item` at `at_s` or up to a second later; beyond one turn of the wheel, at its end.

        Returns when that will be.
        """
        second = max(int(at_s) + 1, self._second + 1)
        second = min(second, self._second + len(self._slots) - 1)
        self._slots[second % len(self._slots)].append(item)
        if second != self._told_s:
            self._told_s = float(second)
        return self._told_s

    def due(self, now_s: float) -> Iterator[T]:
        """The items of all seconds up to `now_s`, which leave the wheel."""
        target = int(now_s)
        while self._second < target:
            self._second += 1
            index = self._second % len(self._slots)
            items, self._slots[index] = self._slots[index], []
            yield from items

    def __len__(self) -> int:
        return sum(map(len, self._slots))
