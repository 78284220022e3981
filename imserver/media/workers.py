"""Where blocking work runs: on a bounded number of threads, or inline in simulations."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")


class Workers(Protocol):
    """Runs blocking functions."""

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work()`. A cancelled caller still waits for work that has begun."""
        ...


class ThreadWorkers:
    """At most `threads_max` functions at a time, each on a thread; the others wait in line."""

    def __init__(self, threads_max: int) -> None:
        self._limiter = trio.CapacityLimiter(threads_max)

    async def run(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._limiter)


class InlineWorkers:
    """Runs the work where it is called: blocks the loop, but a simulated clock cannot jump past it."""

    async def run(self, work: Callable[[], T]) -> T:
        await trio.lowlevel.checkpoint()
        return work()
