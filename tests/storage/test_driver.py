"""The threaded driver: any task may call it, with a loop or without, and cancelling a caller harms nobody."""

import sqlite3
import threading
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
import trio_asyncio

from imserver.storage import accounts
from imserver.storage.driver import InlineDriver, in_snapshot, thread_driver
from imserver.storage.folder import DATABASE_NAME, FolderForeign
from imserver.storage.sqlite import open_sqlite
from imserver.storage.store import Store
from tests.contracts.house import ROOM, House


@pytest.mark.parametrize("outer_loop", [True, False])
async def test_tasks_from_outside_the_loop_may_call(tmp_path: Path, outer_loop: bool) -> None:
    async def use() -> None:
        async with open_sqlite(tmp_path) as store:
            house = await House.build(store)
            nursery.start_soon(house.room, "alice", "bob")
            while await store.conversation(ROOM) is None:
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        if outer_loop:
            async with trio_asyncio.open_loop():
                await use()
        else:
            await use()


async def test_work_is_done_in_the_order_it_was_asked_for_and_a_cancelled_read_frees_its_reader(
    tmp_path: Path,
) -> None:
    async with thread_driver(tmp_path / DATABASE_NAME) as driver:
        order: list[int] = []
        gate = threading.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.write, lambda _: gate.wait())
            await trio.testing.wait_all_tasks_blocked()
            for number in range(5):
                nursery.start_soon(driver.write, lambda _, number=number: order.append(number))
                await trio.testing.wait_all_tasks_blocked()
            gate.set()
        assert order == list(range(5))
        for _ in range(9):
            with trio.CancelScope() as scope:
                scope.cancel()
                await driver.read(lambda db: db.execute("SELECT 1").fetchone())
        assert await driver.read(lambda db: db.execute("SELECT 1").fetchone()) == (1,)


@pytest.mark.parametrize("method", ["read", "write"])
async def test_a_cancelled_call_waits_until_it_is_known_to_be_done(tmp_path: Path, method: str) -> None:
    """A connection is free again when its statement is done, not when its caller has gone."""
    async with thread_driver(tmp_path / DATABASE_NAME) as driver:
        gate = threading.Event()
        done: list[int] = []

        def work(_: object) -> None:
            gate.wait()
            done.append(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(getattr(driver, method), work)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
            gate.set()
        assert done == [1]


async def test_two_reads_run_beside_a_write(tmp_path: Path) -> None:
    """Reads see the last commit while the next one is under way, and do not wait for it."""
    async with thread_driver(tmp_path / DATABASE_NAME) as driver:
        gate = threading.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.write, lambda _: gate.wait())
            await trio.testing.wait_all_tasks_blocked()
            assert await driver.read(lambda db: db.execute("SELECT count(*) FROM app").fetchone()) == (0,)
            gate.set()


async def test_a_question_of_several_statements_sees_one_state(tmp_path: Path) -> None:
    driver = InlineDriver(tmp_path / DATABASE_NAME)

    def ask(db: sqlite3.Connection) -> tuple[int, int]:
        (before,) = db.execute("SELECT count(*) FROM app").fetchone()
        driver.writer.transaction(lambda db: accounts.put_app(db, "shop", now_ms=1, media_bytes_max=1))
        (after,) = db.execute("SELECT count(*) FROM app").fetchone()
        return before, after

    assert await driver.read(partial(in_snapshot, ask)) == (0, 0)
    assert len(await driver.read(accounts.apps)) == 1
    driver.close()


async def test_a_failed_opening_leaves_no_thread_and_no_lock(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"no database at all, but long enough to look at" * 9)
    before = threading.active_count()
    for _ in range(2):
        with pytest.raises(FolderForeign):
            async with open_sqlite(tmp_path):
                pass
    assert threading.active_count() == before


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    async with thread_driver(tmp_path / DATABASE_NAME) as driver:
        with pytest.raises(Exception, match="readonly"):
            await driver.read(lambda db: db.execute("DELETE FROM app"))


async def test_leaving_the_block_while_cancelled_closes_everything(tmp_path: Path) -> None:
    before = threading.active_count()
    stores: list[Store] = []
    with trio.CancelScope() as scope:
        async with open_sqlite(tmp_path) as store:
            stores.append(store)
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert stores
    assert threading.active_count() == before
    async with open_sqlite(tmp_path) as store:
        assert await store.apps() == []
