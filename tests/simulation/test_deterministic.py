"""The ground the simulation stands on: one seed, one order of everything, in any process."""

import json
import os
import subprocess
import sys
from random import Random

import trio
from trio._core import _run as scheduler

from imserver.sim.deterministic import Timers, run


def test_trio_still_has_the_two_names_that_make_its_scheduler_deterministic() -> None:
    assert scheduler._ALLOW_DETERMINISTIC_SCHEDULING in (False, True)
    assert isinstance(scheduler._r, Random)


def order_of(seed: int) -> list[int]:
    seen: list[int] = []

    async def one(number: int) -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
            seen.append(number)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(one, number)

    run(main, seed)
    return seen


def test_tasks_run_in_an_order_that_hangs_on_the_seed_alone() -> None:
    orders = [order_of(seed) for seed in range(5)]
    assert orders == [order_of(seed) for seed in range(5)]
    assert len({tuple(order) for order in orders}) > 1


def test_the_scheduler_is_left_as_it_was() -> None:
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate()
    order_of(1)
    assert before == (scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate())


def test_timers_call_in_order_of_time_and_then_of_asking() -> None:
    called: list[str] = []

    async def main() -> None:
        timers = Timers()
        for name, at_s in (("late", 9.0), ("first", 2.0), ("second", 2.0)):
            timers.at(at_s, lambda name=name: called.append(name))  # type: ignore[misc]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(timers.run)
            await trio.sleep(1)
            timers.at(1.5, lambda: called.append("asked last"))
            await trio.sleep(10)
            nursery.cancel_scope.cancel()

    run(main, 1)
    assert called == ["asked last", "first", "second", "late"]


CHILD = """
import json
from imserver.sim import run_seed
print(json.dumps([(o.digest, o.events, o.violation) for o in map(run_seed, range(3))]))
"""


def test_a_seed_has_one_trace_whatever_the_hash_seed_of_the_process() -> None:
    """1 % of a hundred seeds and more: two processes that order their sets differently."""
    traces = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", CHILD],
                env=os.environ | {"PYTHONHASHSEED": hash_seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for hash_seed in ("1", "2")
    ]
    assert traces[0] == traces[1]
    assert len({digest for digest, _, _ in traces[0]}) == 3
