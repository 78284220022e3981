"""One run of the blob store on a recorded disk, and the checking of its images."""

import random
from pathlib import Path

import trio

from imserver.sim.disks import Recorder
from tests.crash.cutting import Tally, cut_all, fresh
from tests.crash.media_check import check
from tests.crash.media_work import MediaWork
from tests.crash.promises import Promises
from tests.crash.recorded_os import recorded_os


async def live(work: MediaWork, rng: random.Random) -> None:
    """Some 40 calls."""
    await work.start()
    for _ in range(rng.randrange(20, 60)):
        await work.step()


def run(seed: str, *, images: int, scratch: Path, only: int | None = None, full_disk: bool = True) -> Tally:
    """Record one run and cut its power `images` times.

    Raises:
        Violation: an image breaks a promise.
    """
    rng = random.Random(seed)
    recorder = Recorder(fresh(scratch / "run"))
    promises = Promises(recorder)
    with recorded_os(recorder):
        trio.run(live, MediaWork(rng, promises, recorder.root / "media"), rng)
    tally = Tally()

    def checked(folder: Path, position: int, _rng: random.Random) -> None:
        tally.note(trio.run(check, folder / "media", promises, position), *promises.at(position))

    tally.add(cut_all(recorder, checked, seed=seed, images=images, scratch=scratch / "image", only=only))
    return tally
