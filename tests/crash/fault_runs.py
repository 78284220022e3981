"""Runs in which one call of the disk fails: what then stands still, and what is found after it."""

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import trio

from imserver.sim.disks import Durable, Fault, Recorder, draw_cut
from imserver.sim.disks.connection import Connect
from imserver.sim.disks.operations import SyncFailed
from imserver.storage.driver import InlineDriver
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.model import StoreBroken
from imserver.storage.schema import read_epoch
from imserver.storage.sqlite import SqliteStore
from tests.crash.cutting import fresh
from tests.crash.promises import Promises, settled_digest
from tests.crash.server_check import check
from tests.crash.server_runs import recorded
from tests.crash.server_work import ServerWork


class FailOnce:
    """The n-th call of a kind fails, from 0, counted from when it is armed; it and what comes after works."""

    def __init__(self, call: str, nth: int, fault: Fault = Fault.IO_ERROR) -> None:
        self.call = call
        self.nth = nth
        self.fault = fault
        self.fired_at: int | None = None
        self.recorder: Recorder | None = None

    def __call__(self, call: str, _path: Path) -> Fault | None:
        if self.recorder is None or call != self.call:
            return None
        self.nth -= 1
        if self.nth != -1:
            return None
        self.fired_at = self.recorder.position
        return self.fault


async def life(root: Path, connect: Connect, work: ServerWork, promises: Promises, fail: FailOnce) -> None:
    """30 calls, and once one raised that the store is broken, five more, which must all raise it too."""

    async def start() -> InlineDriver:
        return InlineDriver(root / DATABASE_NAME, connect)

    driver = await promises.note(start, lambda: b"", [])
    promises.made[0].state = settled_digest(driver.writer.db)
    work.attach(SqliteStore(driver, await driver.read(read_epoch)))
    fail.recorder = promises.recorder
    try:
        await work.begin()
        for _ in range(30):
            await work.step()
    except StoreBroken:
        fail.recorder = None
        for _ in range(5):
            await refused(work)
    finally:
        with suppress(StoreBroken):
            driver.close()


async def refused(work: ServerWork) -> None:
    """Another call: it must say that the store is broken."""
    try:
        await work.store.ensure_users(1, ["late"])
    except StoreBroken:
        return
    raise AssertionError("the store went on after a failure")


def recorded_life(seed: str, root: Path, fail: FailOnce) -> tuple[Recorder, Promises]:
    """A run of a seed with a failure, on a recorded disk."""
    with recorded(fresh(root)) as (recorder, connect):
        promises = Promises(recorder)
        recorder.faults = fail
        work = ServerWork(random.Random(seed), promises, lambda _: None)
        trio.run(life, recorder.root, connect, work, promises, fail)
    return recorder, promises


def whole_life(seed: str, root: Path) -> Promises:
    """The same run without a failure, for what a call that failed would have left."""
    return recorded_life(seed, root, FailOnce("none", 0))[1]


def fail_and_look(seed: str, fail: FailOnce, whole: Promises, scratch: Path) -> Any:
    """Run into the failure; then nothing was written, and every image of the disk keeps every promise.

    Returns the operations that came after the failure, None when the run was over before it.
    """
    recorder, promises = recorded_life(seed, scratch / "run", fail)
    if fail.fired_at is None:
        return None
    if promises.made[-1].kept is None:
        promises.made[-1].state = whole.made[len(promises.made) - 1].state
    rng = random.Random(f"{seed}/{fail.nth}")
    durable = Durable(rng, recorder.names, recorder.files)
    durable.play(recorder.log)
    for _ in range(3):
        durable.image(rng, draw_cut(rng)).put(fresh(scratch / "image"))
        check(scratch / "image", promises, recorder.position, rng)
    return [entry for entry in recorder.log[fail.fired_at :] if not isinstance(entry, SyncFailed)]
