"""Cuts the power at many points of one recorded run, and has every image checked."""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from imserver.sim.disks import Durable, Recorder, draw_cut
from tests.crash.promises import Violation

#: Checks an image in a folder that was found after a cut at a log position.
Check = Callable[[Path, int, random.Random], None]


@dataclass
class Tally:
    """What a number of runs came to."""

    runs: int = 0
    images: int = 0
    operations: int = 0
    unsynced: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def note(self, index: int, kept: int, begun: int) -> None:
        """An image is as after call `index`; `kept` had returned and `begun` were begun."""
        self.outcomes["cut inside a call"] += begun > kept
        if index >= kept:
            self.outcomes["call under way is there, whole"] += 1
        elif kept:
            self.outcomes["as after the last call that returned"] += 1
        else:
            self.outcomes["store was being made"] += 1

    def add(self, other: "Tally") -> None:
        """Take in another one's numbers."""
        self.runs += other.runs
        self.images += other.images
        self.operations += other.operations
        self.unsynced += other.unsynced
        self.outcomes.update(other.outcomes)


def points(rng: random.Random, log_length: int, count: int) -> list[int]:
    """Where to cut, in rising order."""
    return sorted(rng.randint(1, log_length) for _ in range(count))


def cut_all(
    recorder: Recorder, check: Check, *, seed: str, images: int, scratch: Path, only: int | None = None
) -> Tally:
    """Cut at `images` points; `only` replays one of them.

    Raises:
        Violation: with the number of the cut.
    """
    tally = Tally(runs=1, operations=len(recorder.log))
    for number, position, durable in replayed(recorder, seed, images):
        if only is not None and number != only:
            continue
        rng = random.Random(f"{seed}/{number}")
        tally.images += 1
        tally.unsynced += durable.unsynced
        fresh(scratch)
        durable.image(rng, draw_cut(rng)).put(scratch)
        try:
            check(scratch, position, rng)
        except Exception as error:
            what = error.what if isinstance(error, Violation) else repr(error)
            told = Violation(what, number)
            told.add_note(f"cut {number} of {seed}, after {position} of {len(recorder.log)} operations")
            raise told from error
    return tally


def replayed(recorder: Recorder, seed: str, images: int) -> Iterator[tuple[int, int, Durable]]:
    """(number, position, disk) of each cut of a run."""
    rng = random.Random(f"{seed}/points")
    durable = Durable(rng, recorder.names, recorder.files, recorder.pending)
    done = 0
    for number, position in enumerate(points(random.Random(f"{seed}/where"), len(recorder.log), images)):
        durable.play(recorder.log[done:position])
        done = position
        yield number, position, durable


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
