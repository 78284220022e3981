"""One run of the server's store on a recorded disk, and the checking of its images."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import trio

from imserver.sim.disks import Fault, Recorder
from imserver.sim.disks.connection import Connect, connector
from imserver.sim.disks.vfs import RecordedVFS
from imserver.storage import schema
from imserver.storage.driver import InlineDriver
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.schema import read_epoch
from imserver.storage.sqlite import SqliteStore
from tests.crash.cutting import Tally, cut_all, fresh
from tests.crash.promises import Promises, settled_digest
from tests.crash.server_check import check
from tests.crash.server_work import ServerWork


@contextmanager
def recorded(disk: Path | Recorder) -> Iterator[tuple[Recorder, Connect]]:
    """A recorded disk, and what opens connections on it; the same seed writes the same bytes."""
    recorder = disk if isinstance(disk, Recorder) else Recorder(disk)
    vfs = RecordedVFS(recorder)
    try:
        with patch.object(schema, "new_epoch", lambda: 7):
            yield recorder, connector(vfs)
    finally:
        vfs.unregister()


class FullOnce:
    """A disk without room for one write, some writes after it was asked."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._left = -1

    def soon(self, it_is: bool) -> None:
        """The disk fills up soon, or has room again."""
        self._left = self._rng.randrange(12) if it_is else -1

    def __call__(self, call: str, _path: Path) -> Fault | None:
        if call != "write" or self._left < 0:
            return None
        self._left -= 1
        return Fault.NO_ROOM if self._left < 0 else None


async def live(
    root: Path, connect: Connect, work: ServerWork, promises: Promises, rng: random.Random
) -> None:
    """Some 40 calls, with a clean restart or two in between, and mostly no proper end."""
    driver: InlineDriver | None = None

    async def start() -> InlineDriver:
        return InlineDriver(root / DATABASE_NAME, connect)

    def state() -> bytes:
        assert driver is not None
        return settled_digest(driver.writer.db)

    for restart in range(rng.randrange(1, 4)):
        if driver is not None:
            driver.close()
        if restart == 0:
            promises_before = len(promises.made)
            driver = await promises.note(start, lambda: b"", [])
            promises.made[promises_before].state = state()
        else:
            driver = await start()
        work.attach(SqliteStore(driver, await driver.read(read_epoch)))
        if restart == 0:
            await work.begin()
        for _ in range(rng.randrange(5, 30)):
            await work.step()
    assert driver is not None
    end = promises.recorder.position
    driver.close()
    if rng.random() < 0.7:
        # A killed process closes nothing: what closing wrote did not happen.
        del promises.recorder.log[end:]


def run(seed: str, *, images: int, scratch: Path, only: int | None = None, full_disk: bool = True) -> Tally:
    """Record one run and cut its power `images` times.

    Raises:
        Violation: an image breaks a promise.
    """
    rng = random.Random(seed)
    with recorded(fresh(scratch / "run")) as (recorder, connect):
        promises = Promises(recorder)
        full = FullOnce(random.Random(f"{seed}/full"))
        if full_disk:
            recorder.faults = full
        work = ServerWork(rng, promises, full.soon)
        trio.run(live, recorder.root, connect, work, promises, rng)
    tally = Tally()

    def checked(folder: Path, position: int, cut_rng: random.Random) -> None:
        index = check(folder, promises, position, cut_rng)
        kept, begun = promises.at(position)
        tally.note(index, kept, begun)

    tally.add(cut_all(recorder, checked, seed=seed, images=images, scratch=scratch / "image", only=only))
    return tally
