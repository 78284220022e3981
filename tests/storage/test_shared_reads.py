"""Reads that come while all readers are busy share a crossing to the next free one, and harm nobody by it."""

import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
import trio
import trio.testing

from imserver.storage.driver import READS_A_CROSSING_MAX, FunctionConnection, ThreadDriver, nothing
from imserver.storage.writer_thread import WriterThread

#: What a read is given; these never touch it.
NO_DATABASE = cast(sqlite3.Connection, None)


class Reader:
    """A reader without a thread: each crossing waits until the test lets it pass."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.failure: Exception | None = None
        self.gate = trio.Event()

    async def run(self, work: Callable[[sqlite3.Connection], list[Any]]) -> list[Any]:
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        done = work(NO_DATABASE)
        self.sizes.append(len(done))
        return done


class Loop:
    """An asyncio loop that is none."""

    async def run_aio_coroutine(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return await coroutine


class Thread:
    """The writer's, of which nothing is asked here."""

    writer = None


def driver_of(*readers: Reader) -> ThreadDriver:
    return ThreadDriver(Loop(), cast(WriterThread, Thread()), cast(list[FunctionConnection], list(readers)))


async def test_what_waits_crosses_together_but_not_too_much_at_once() -> None:
    reader = Reader()
    driver = driver_of(reader)
    answers: list[int] = []

    async def ask(number: int) -> None:
        answers.append(await driver.read(lambda _: number, nothing))

    async with trio.open_nursery() as nursery:
        for number in range(READS_A_CROSSING_MAX + 3):
            nursery.start_soon(ask, number)
            await trio.testing.wait_all_tasks_blocked()
        reader.gate.set()
    assert sorted(answers) == list(range(READS_A_CROSSING_MAX + 3))
    assert reader.sizes == [1, READS_A_CROSSING_MAX, 2]


async def test_a_read_that_fails_harms_no_other_of_its_crossing() -> None:
    reader = Reader()
    driver = driver_of(reader)
    answers: list[object] = []

    async def ask(work: Callable[[sqlite3.Connection], object]) -> None:
        try:
            answers.append(await driver.read(work, nothing))
        except ZeroDivisionError:
            answers.append("failed")

    async with trio.open_nursery() as nursery:
        for work in (lambda _: "first", lambda _: 1 / 0, lambda _: "third"):
            nursery.start_soon(ask, work)
            await trio.testing.wait_all_tasks_blocked()
        reader.gate.set()
    assert answers == ["first", "failed", "third"]
    assert reader.sizes == [1, 2]


async def test_a_crossing_that_fails_is_told_to_all_and_the_next_one_is_made() -> None:
    reader = Reader()
    driver = driver_of(reader)
    told: list[str] = []

    async def ask() -> None:
        with pytest.raises(OSError, match="no thread"):
            await driver.read(lambda _: 1, nothing)
        told.append("")

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        reader.failure = OSError("no thread")
        reader.gate.set()
    assert len(told) == 3
    reader.failure = None
    assert await driver.read(lambda _: 1, nothing) == 1


@pytest.mark.parametrize("turn", range(10))
async def test_who_gives_up_while_waiting_keeps_no_reader(turn: int) -> None:
    """Also in the very moment in which the reader is passed to him: trio runs the two in either order."""
    reader = Reader()
    driver = driver_of(reader)
    done: list[str] = []

    async def ask(name: str, scope: trio.CancelScope) -> None:
        with scope:
            await driver.read(lambda _: done.append(name), nothing)

    impatient = trio.CancelScope()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            for name, scope in (("first", trio.CancelScope()), ("impatient", impatient)):
                nursery.start_soon(ask, name, scope)
                await trio.testing.wait_all_tasks_blocked()
            impatient.cancel()
            reader.gate.set()
        await driver.read(lambda _: done.append("later"), nothing)
    assert done == ["first", "later"]


async def test_no_read_waits_while_a_reader_is_free() -> None:
    slow, quick = Reader(), Reader()
    driver = driver_of(quick, slow)
    quick.gate.set()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.read, lambda _: 1, nothing)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(3):
            assert await driver.read(lambda _, number=number: number, nothing) == number  # type: ignore[misc]
        assert (slow.sizes, quick.sizes) == ([], [1, 1, 1])
        slow.gate.set()
