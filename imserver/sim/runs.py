"""One seed, one world, one outcome."""

import re
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from imserver.sim.days import DAY_S, draw_long_plan
from imserver.sim.deterministic import Standstill, run
from imserver.sim.model import Violation, shortened
from imserver.sim.plan import Plan, draw_plan
from imserver.sim.watchdog import watchdog
from imserver.sim.world import World, scratch

#: No world computes so long: an hour takes a second or two, a day three, with phones in the foreground ten.
CPU_S_MAX: Final = 120.0
CPU_S_MAX_PER_DAY: Final = 120.0
#: Lines kept of a crash: its last ones.
TRACEBACK_LINES: Final = 24


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How a world ended. `violation` is empty when every promise was kept."""

    seed: int
    plan: Plan
    digest: str
    events: int
    simulated_s: float
    cpu_s: float
    truces: int
    violation: str = ""
    lines: tuple[str, ...] = ()
    faults: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)


def run_seed(seed: int) -> Outcome:
    """The world of a seed."""
    return run_plan(draw_plan(seed))


def run_long_seed(seed: int) -> Outcome:
    """The world of a seed in the long run."""
    return run_plan(draw_long_plan(seed))


def run_plan(plan: Plan) -> Outcome:
    """The world of a plan, which may be a part of its seed's."""
    worlds: list[World] = []
    ends: list[float] = []

    async def main() -> None:
        with scratch() as folder:
            try:
                async with trio.open_nursery() as nursery:
                    world = World(plan, Path(folder), nursery)
                    worlds.append(world)
                    await world.run()
                    nursery.cancel_scope.cancel()
            finally:
                ends.append(trio.current_time())
                for one in worlds:
                    one.close()

    began = time.process_time()
    violation = ""
    try:
        with watchdog(CPU_S_MAX + CPU_S_MAX_PER_DAY * plan.duration_s / DAY_S):
            run(main, plan.seed)
    except BaseExceptionGroup as group:
        violation = _told(group)
    except Standstill as error:
        violation = f"livelock: {error}"
    (world,) = worlds
    return Outcome(
        seed=plan.seed,
        plan=plan,
        digest=world.trace.digest(),
        events=world.trace.count,
        simulated_s=ends[0],
        cpu_s=time.process_time() - began,
        truces=world.truces,
        violation=violation,
        lines=tuple(world.trace.lines) if violation else (),
        faults=world.faults,
        sites=world.buggify.fired,
    )


def _told(group: BaseExceptionGroup[BaseException]) -> str:
    """The first error of a group in one line. What is no violation is a fault of the product all the same."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        violations, _ = error.split(Violation)
        error = (violations or error).exceptions[0]
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, Violation):
        return str(error)
    lines = "".join(traceback.format_exception(error)).splitlines()
    return "crash: " + "\n".join(map(shortened, lines[-TRACEBACK_LINES:]))


def kind_of(violation: str) -> str:
    """What went wrong, without the numbers and names that differ between plans."""
    if violation.startswith("crash:"):
        violation = violation.strip().splitlines()[-1]
    promise, _, facts = violation.partition(":")
    return f"{promise}:" + re.sub(r"[a-z]+\d|\d+|[\[(].*", "", facts, flags=re.DOTALL)[:60]
