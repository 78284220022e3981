"""One `trio.run` in which nothing depends on anything but the seed."""

from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import Any, Final, TypeVar

import trio
from trio._core import _run as scheduler

T = TypeVar("T")

#: Turns of trio's loop between two looks at the kernel, of whom nobody here expects more than Ctrl-C: with a
#: system call each turn, those were a tenth of a world's CPU time.
TURNS_PER_POLL: Final = 100
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


class Timers:
    """Calls at virtual times, made by the clock itself: no task has to be woken for them."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0

    @property
    def next_s(self) -> float:
        """When the next call is due."""
        return self._heap[0][0] if self._heap else inf

    def at(self, at_s: float, call: Callable[[], object]) -> None:
        """Call `call` at `at_s`; those of one moment in the order in which they were asked for."""
        self._count += 1
        heappush(self._heap, (at_s, self._count, call))

    def fire(self, now_s: float) -> None:
        """Make the calls that are due."""
        while self._heap and self._heap[0][0] <= now_s:
            heappop(self._heap)[2]()

    async def sleep_through(self, span_s: float) -> None:
        """As `trio.sleep` in a shielded scope. Without the scope, which costs more than all the rest."""
        wake = partial(trio.lowlevel.reschedule, trio.lowlevel.current_task())
        self.at(trio.current_time() + span_s, wake)
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)


class Bell:
    """Wakes whoever waits when it is rung."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        """Wake everybody."""
        if self._event.statistics().tasks_waiting:
            self._event.set()
            self._event = trio.Event()

    async def wait(self) -> None:
        """Return at the next ring."""
        await self._event.wait()


class Turn:
    """One after the other, in the order of asking; as a lock in a shielded scope."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[trio.lowlevel.Task] = deque()

    async def __aenter__(self) -> None:
        if self._taken:
            self._waiting.append(trio.lowlevel.current_task())
            await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)
        self._taken = True

    async def __aexit__(self, *_: object) -> None:
        if self._waiting:
            trio.lowlevel.reschedule(self._waiting.popleft())  # `_taken` stays: nobody gets in between
        else:
            self._taken = False


class JumpingClock(trio.abc.Clock):
    """Virtual time: once nobody has anything to do, it is the next deadline's or the next timer's.

    As `MockClock(autojump_threshold=0)`, in one turn of trio's loop instead of two: that halves what a quiet
    hour costs.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.looks = 0
        self.scope = trio.CancelScope()
        self.timers = Timers()
        self.failure: BaseException | None = None

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
        next_s = min(deadline, self.timers.next_s)
        if next_s == inf:
            return inf  # only a signal can end this
        self.looks = 0
        self.now_s = max(self.now_s, next_s)
        try:
            self.timers.fire(self.now_s)
        except BaseException as error:  # noqa: BLE001 - here trio would take it for a fault of its own
            self.failure = error
            self.scope.cancel()
        return 0.0


class SeldomPolled:
    """Trio's view of the kernel, asked only now and then."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._turns = 0

    def get_events(self, timeout_s: float) -> Any:
        """What the kernel has to say."""
        self._turns += 1
        if timeout_s or self._turns % TURNS_PER_POLL == 0:
            return self._manager.get_events(timeout_s)
        return []

    def process_events(self, events: Any) -> None:
        """Wake who waits for it."""
        if events:
            self._manager.process_events(events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)


def timers() -> Timers:
    """The timers of this run."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, JumpingClock)
    return clock.timers


def run(main: Callable[[], Awaitable[T]], seed: int) -> T:
    """Run `main` in virtual time; tasks that could run in any order run in one that hangs on the seed.

    Uses three private names of trio, two of them as pytest-trio does under hypothesis; tests watch that they
    are there and do what they did.

    Raises:
        Standstill: time no longer passes.
    """
    clock = JumpingClock()

    async def within() -> T:
        runner = scheduler.GLOBAL_RUN_CONTEXT.runner
        runner.io_manager = SeldomPolled(runner.io_manager)  # type: ignore[assignment]
        with clock.scope:
            return await main()
        if clock.failure is not None:
            raise clock.failure
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
