"""A failing disk: after a failed call nothing is promised or written, and what was promised is there (G7)."""

import random
import sqlite3
import threading
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from imsdk.errors import StorageError
from imsdk.store.sqlite import FILE_NAME
from imserver.sim.disks import Durable, Fault, draw_cut
from imserver.storage.driver import thread_driver
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.model import Placed, StoreFull
from imserver.storage.schema import open_outside, read_epoch
from imserver.storage.sqlite import SqliteStore, open_sqlite
from imserver.storage.verify import verify
from imserver.storage.writing import Writer
from tests.contracts.house import House
from tests.crash import client_check, client_runs
from tests.crash.client_work import ClientWork
from tests.crash.cutting import fresh
from tests.crash.fault_runs import FailOnce, fail_and_look, whole_life
from tests.crash.promises import Promises
from tests.crash.server_runs import recorded

#: Every so many calls of a kind, one run in which it is the one that fails.
STRIDES = {"sync": 5, "write": 37, "truncate": 1}


@pytest.mark.parametrize("call", STRIDES)
def test_after_a_failed_call_the_server_store_promises_and_writes_nothing(call: str, ram: Path) -> None:
    """Not even while it closes; and every image of the disk then holds all that was acked."""
    whole = whole_life("faults", ram / "whole")
    failed = 0
    for nth in range(0, 10_000, STRIDES[call]):
        after = fail_and_look("faults", FailOnce(call, nth), whole, ram)
        if after is None:
            break
        assert after == [], f"{call} {nth}"
        failed += 1
    assert failed >= (3 if call == "truncate" else 8) or call == "truncate"


def test_a_store_that_closes_like_any_other_would_write_after_the_failure(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof above sees it: SQLite's last connection checkpoints when it is closed."""
    whole = whole_life("faults", ram / "whole")
    monkeypatch.setattr(Writer, "_close_untouched", lambda self: self.db.close())
    assert fail_and_look("faults", FailOnce("sync", 10), whole, ram) != []


class FailFrom:
    """The n-th sync of a file whose name ends so fails, once."""

    def __init__(self, suffix: str, nth: int) -> None:
        self.suffix, self.nth, self.fired = suffix, nth, False

    def __call__(self, call: str, path: Path) -> Fault | None:
        if call != "sync" or not path.name.endswith(self.suffix):
            return None
        self.nth -= 1
        self.fired = self.fired or self.nth == -1
        return Fault.IO_ERROR if self.nth == -1 else None


def client_life(
    seed: str, ram: Path, faults: FailFrom
) -> tuple[Any, Promises, ClientWork, BaseException | None]:
    """A run of the client's store into a fault; the error it ended with, if any."""
    rng = random.Random(seed)
    error: BaseException | None = None
    with recorded(fresh(ram / "run")) as (recorder, connect):
        promises = Promises(recorder)
        recorder.faults = faults
        work = ClientWork(rng, promises, lambda _: None)
        try:
            trio.run(client_runs.live, recorder.root, connect, work, promises, rng)
        except StorageError as failed:
            error = failed
            store = work.store
            recorder.faults = lambda call, path: None
            begun = recorder.position
            for _ in range(3):
                with pytest.raises(StorageError):
                    trio.run(store.save_heartbeat, "{}")
            assert recorder.position == begun, "nothing is tried any more"
            cast(Any, store)._database._connection.close()
    return recorder, promises, work, error


def look_at_client(
    recorder: Any, promises: Promises, work: ClientWork, ram: Path, *, whole: Promises
) -> None:
    """Every image keeps every promise, and everything resolves from there."""
    last = promises.made[-1]
    if last.kept is None:
        last.state = whole.made[len(promises.made) - 1].state
    rng = random.Random(len(recorder.log))
    durable = Durable(rng, recorder.names, recorder.files)
    durable.play(recorder.log)
    for _ in range(5):
        durable.image(rng, draw_cut(rng)).put(fresh(ram / "image"))
        trio.run(client_check.check, ram / "image", promises, work, recorder.position)


def test_after_a_failed_sync_of_its_wal_the_client_store_promises_nothing(ram: Path) -> None:
    whole = client_life("client faults", ram, FailFrom("-none", 0))[1]
    failed = 0
    for nth in range(7, 60, 4):  # those before it belong to making the file
        recorder, promises, work, error = client_life("client faults", ram, FailFrom("-wal", nth))
        look_at_client(recorder, promises, work, ram, whole=whole)
        # Not an error: the sync of a WAL at the beginning of SQLite's own checkpoint.
        failed += isinstance(error, StorageError)
    assert failed >= 8


def test_a_failed_sync_in_a_checkpoint_of_its_own_costs_the_client_store_nothing(ram: Path) -> None:
    """SQLite ignores it, and that is right: the pages stay in the WAL and are written again."""
    fired = 0
    whole = client_life("client faults", ram, FailFrom("-none", 0))[1]
    for nth in range(2, 12):
        faults = FailFrom(FILE_NAME, nth)
        recorder, promises, work, _ = client_life("client faults", ram, faults)
        look_at_client(recorder, promises, work, ram, whole=whole)
        fired += faults.fired
    assert fired >= 3


async def test_a_slow_sync_holds_back_the_ack_and_no_reader(ram: Path) -> None:
    syncing, go_on = threading.Event(), threading.Event()
    slow = False

    def faults(call: str, path: Path) -> Fault | None:
        if slow and call == "sync" and path.name.endswith("-wal"):
            syncing.set()
            assert go_on.wait(60)
        return None

    with recorded(ram) as (recorder, connect):
        recorder.faults = faults
        async with thread_driver(ram / DATABASE_NAME, connect) as driver:
            store = SqliteStore(driver, await driver.read(read_epoch))
            house = await House.build(store)
            await house.room("alice", "bob")
            acked: list[str] = []

            async def post() -> None:
                await house.append(house.message("alice", "slow", "bob"))
                acked.append("slow")

            async with trio.open_nursery() as nursery:
                slow = True
                nursery.start_soon(post)
                await trio.to_thread.run_sync(syncing.wait)
                heads = await store.log_heads([house.users["bob"]])
                assert heads[house.users["bob"]].head == 1, "what is not durable is not shown"
                assert not acked
                slow = False
                go_on.set()
            assert acked
            assert (await store.log_heads([house.users["bob"]]))[house.users["bob"]].head == 2


async def test_a_full_disk_refuses_whole_at_every_write(ram: Path) -> None:
    """In the runs of the power cuts some calls meet a full disk; here each write of one batch does."""
    left = -1

    def faults(call: str, _path: Path) -> Fault | None:
        nonlocal left
        left -= call == "write"
        return Fault.NO_ROOM if call == "write" and left == -1 else None

    with recorded(ram) as (recorder, connect):
        async with open_sqlite(ram, inline=True, connect=connect) as store:
            house = await House.build(store)
            await house.room("alice", "bob")
            recorder.faults = faults
            writes = [house.message("alice", "x" * 3000, "alice", "bob", media=[b"1" * 32]) for _ in range(4)]
            refused = 0
            placed: list[Placed] = []
            while not placed:
                left = refused
                try:
                    placed = await store.append(writes)
                except StoreFull:
                    refused += 1
                    assert (await store.devices([1001]))[1001].accepted == 0
                    assert (await store.log_heads([house.users["bob"]]))[house.users["bob"]].head == 1
            assert refused > 10
            assert [place.seq for place in placed] == [2, 3, 4, 5]
            recorder.faults = lambda call, path: None


async def test_a_disk_that_is_full_when_the_tables_follow_the_journal_hides_nothing_of_it(ram: Path) -> None:
    """At each write of that: what was acked is read, and the disk is not written any further."""
    left = -1

    def faults(call: str, _path: Path) -> Fault | None:
        nonlocal left
        left -= call == "write"
        return Fault.NO_ROOM if call == "write" and left < 0 else None

    for refused in range(30):
        with recorded(fresh(ram)) as (recorder, connect):
            async with open_sqlite(ram, inline=True, connect=connect) as store:
                house = await House.build(store)
                await house.room("alice", "bob")
                for number in range(20):
                    await house.append(house.message("alice", f"{number}" * 300, "alice", "bob"))
                left, recorder.faults = refused, faults
                for _ in range(2):
                    assert (await store.devices([1001]))[1001].accepted == 20
                    assert (await store.log_heads([house.users["bob"]]))[house.users["bob"]].head == 21
                if left >= 0:
                    break
                recorder.faults = lambda call, path: None
                assert await house.append(house.message("alice", "room again", "alice", "bob"))
        assert verify(ram).sound
    assert refused > 5


def test_a_guard_leaves_the_wal_alone(tmp_path: Path) -> None:
    """What `Writer.close` does after a failure, on the real file system."""
    with sqlite3.connect(tmp_path / "im.db") as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x)")
    before = (tmp_path / "im.db-wal").read_bytes()
    assert before
    guard = open_outside(tmp_path / "im.db")
    guard.execute("SELECT count(*) FROM sqlite_master").fetchone()
    db.close()
    guard.close()
    assert (tmp_path / "im.db-wal").read_bytes() == before
