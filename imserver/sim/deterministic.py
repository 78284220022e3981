"""One `trio.run` in which nothing depends on anything but the seed."""

from collections.abc import Awaitable, Callable
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import Final, TypeVar

import trio
from trio._core import _run as scheduler

T = TypeVar("T")

#: Looks at the clock without its moving: a busy moment has some 100,000 (a long message, byte by byte).
LOOKS_MAX: Final = 3_000_000


class Chance:
    """Independent random streams by name: who draws more in one of them changes no other."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def stream(self, name: str) -> Random:
        """The stream of this name. Seeded by a string, which `random` hashes with SHA-512, not `hash`."""
        return Random(f"{self.seed}/{name}")


class Standstill(AssertionError):
    """Tasks run on and on, and no time passes."""


class JumpingClock(trio.abc.Clock):
    """Virtual time: once nobody has anything to do, it is the next deadline's.

    As `MockClock(autojump_threshold=0)`, in one turn of trio's loop instead of two: that halves what a quiet
    hour costs.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.looks = 0
        self.scope = trio.CancelScope()

    def start_clock(self) -> None:
        """It has."""

    def current_time(self) -> float:
        """Virtual seconds since the run began."""
        self.looks += 1
        if self.looks > LOOKS_MAX:
            self.scope.cancel()
        return self.now_s

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Asked when no task can run."""
        if deadline == inf:
            return inf  # only a signal can end this
        self.looks = 0
        self.now_s = max(self.now_s, deadline)
        return 0.0


def run(main: Callable[[], Awaitable[T]], seed: int) -> T:
    """Run `main` in virtual time; tasks that could run in any order run in one that hangs on the seed.

    Uses two private names of trio, as pytest-trio does under hypothesis; tests watch that they are there and
    do what they did.

    Raises:
        Standstill: time no longer passes.
    """
    clock = JumpingClock()

    async def within() -> T:
        with clock.scope:
            return await main()
        raise Standstill("tasks run on and on, and no time passes")

    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING  # noqa: SLF001
    state = scheduler._r.getstate()  # noqa: SLF001
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # noqa: SLF001
    scheduler._r.seed(f"{seed}/scheduler")  # noqa: SLF001
    try:
        return trio.run(within, clock=clock)
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before  # type: ignore[misc]  # noqa: SLF001
        scheduler._r.setstate(state)  # noqa: SLF001


class Timers:
    """Calls at virtual times, by one task instead of one each."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._earlier = trio.Event()

    def at(self, at_s: float, call: Callable[[], None]) -> None:
        """Call `call` at `at_s`; those of one moment in the order in which they were asked for."""
        self._count += 1
        heappush(self._heap, (at_s, self._count, call))
        if self._heap[0][1] == self._count:
            self._earlier.set()

    async def run(self) -> None:
        """Call until cancelled."""
        while True:
            self._earlier = trio.Event()
            with trio.move_on_at(self._heap[0][0] if self._heap else inf):
                await self._earlier.wait()
            now_s = trio.current_time()
            while self._heap and self._heap[0][0] <= now_s:
                heappop(self._heap)[2]()
