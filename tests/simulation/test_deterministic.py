"""The ground the simulation stands on: one seed, one order of everything, in any process."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from random import Random

import pytest
import trio
from trio._core import _run as scheduler

from imserver.sim.deterministic import TURNS_PER_POLL, SeldomPolled, Standstill, Turn, run, timers
from imserver.sim.watchdog import watchdog


def test_trio_still_has_the_two_names_that_make_its_scheduler_deterministic() -> None:
    assert scheduler._ALLOW_DETERMINISTIC_SCHEDULING in (False, True)
    assert isinstance(scheduler._r, Random)


def test_the_kernel_is_asked_now_and_then_and_ctrl_c_still_arrives() -> None:
    turns = 0

    async def main() -> None:
        nonlocal turns
        polled = scheduler.GLOBAL_RUN_CONTEXT.runner.io_manager
        assert isinstance(polled, SeldomPolled)
        signal.raise_signal(signal.SIGINT)
        while turns < 10 * TURNS_PER_POLL:
            turns += 1
            await trio.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        run(main, 1)
    assert turns <= TURNS_PER_POLL


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
    called: list[tuple[str, float]] = []

    async def main() -> None:
        def note(name: str) -> None:
            called.append((name, trio.current_time()))

        for name, at_s in (("late", 9.0), ("first", 2.0), ("second", 2.0)):
            timers().at(at_s, partial(note, name))
        await trio.sleep(1)
        timers().at(1.5, partial(note, "asked last"))
        await trio.sleep(10)

    run(main, 1)
    assert called == [("asked last", 1.5), ("first", 2.0), ("second", 2.0), ("late", 9.0)]


def test_what_a_timer_raises_ends_the_run() -> None:
    async def main() -> None:
        timers().at(1.0, partial([].remove, 1))
        await trio.sleep_forever()

    with pytest.raises(ValueError, match="not in list"):
        run(main, 1)


def test_a_sleep_through_a_cancellation_and_a_turn_last_as_long_as_without_it() -> None:
    """So does a worker thread that has begun."""
    told: list[tuple[int, float]] = []

    async def main() -> None:
        turn = Turn()

        async def one(number: int) -> None:
            async with turn:
                await timers().sleep_through(2)
                told.append((number, trio.current_time()))

        with trio.move_on_after(1):
            async with trio.open_nursery() as nursery:
                for number in range(3):
                    nursery.start_soon(one, number)

    run(main, 1)
    assert sorted(number for number, _ in told) == [0, 1, 2]
    assert [at_s for _, at_s in told] == [2, 4, 6]


def test_what_computes_for_ever_is_ended_and_named() -> None:
    async def main() -> None:
        while True:
            pass

    with pytest.raises(Standstill, match=r"test_deterministic\.py:\d+"), watchdog(0.01):
        run(main, 1)


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
