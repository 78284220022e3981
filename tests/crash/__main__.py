"""`python -m tests.crash`: cut the power many times, and write down what came of it.

python -m tests.crash --images 10000                  all kinds, from seed 1
python -m tests.crash --kind server --seed 1/server/16 --cut 94   one image again
python -m tests.crash --planted                       the planted mistakes and how soon each is found
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.crash import client_runs, media_runs, planted, recovery_runs, server_runs
from tests.crash.cutting import Tally
from tests.crash.promises import Violation

Run = Callable[..., Tally]

KINDS: dict[str, Run] = {
    "server": server_runs.run,
    "recovery": recovery_runs.run,
    "client": client_runs.run,
    "media": media_runs.run,
}
#: Images of each run: more than a few cost less than a new run, and a run has about 500 places to cut.
IMAGES_PER_RUN = 100
#: Of ten runs: how many of each kind.
SHARES = ("server", "server", "server", "server", "client", "client", "client", "client", "recovery", "media")


def scratch_root() -> str | None:
    """A RAM disk where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def several(kind: str, seed: str, images: int, scratch: Path) -> Tally:
    """Runs of one kind until there are so many images; a violation says how to see it again."""
    total = Tally()
    number = 0
    while total.images < images:
        run_seed = f"{seed}/{kind}/{number}"
        try:
            total.add(KINDS[kind](run_seed, images=IMAGES_PER_RUN, scratch=scratch))
        except Violation as error:
            raise Violation(
                f"{error}\nagain: python -m tests.crash --kind {kind} --seed {run_seed} --cut {error.number}",
                error.number,
            ) from error
        number += 1
    return total


def table(tallies: dict[str, tuple[Tally, float]]) -> list[str]:
    """A Markdown table."""
    lines = ["| kind | runs | operations | images | unsynced writes at a cut | violations | images/s |"]
    lines.append("|---|---|---|---|---|---|---|")
    for kind, (tally, cpu_s) in tallies.items():
        lines.append(
            f"| {kind} | {tally.runs:,} | {tally.operations:,} | {tally.images:,} |"
            f" {tally.unsynced / max(1, tally.images):.1f} | 0 | {tally.images / max(cpu_s, 1e-9):.0f} |"
        )
    lines += ["", "| kind | the image was | images |", "|---|---|---|"]
    for kind, (tally, _) in tallies.items():
        lines += [f"| {kind} | {name} | {count:,} |" for name, count in sorted(tally.outcomes.items())]
    return lines


def find_planted(scratch: Path, seed: str, images_max: int = 3_000) -> list[str]:
    """How many images each planted mistake takes to be found."""
    lines = ["| kind | planted mistake | found after images | as |", "|---|---|---|---|"]
    for kind, mistakes in (("server", planted.SERVER), ("client", planted.CLIENT), ("media", planted.MEDIA)):
        for name, mistake in mistakes.items():
            with mistake():
                found = first_violation(kind, f"{seed}/{kind}", images_max, scratch)
            lines.append(f"| {kind} | {name} | {found[0]} | {found[1]} |")
    return lines


def first_violation(kind: str, seed: str, images_max: int, scratch: Path) -> tuple[int | str, str]:
    """(number of images until one breaks a promise, which promise)."""
    images = 0
    for number in range(images_max // IMAGES_PER_RUN):
        try:
            images += KINDS[kind](
                f"{seed}/{number}", images=IMAGES_PER_RUN, scratch=scratch, full_disk=False
            ).images
        except Violation as error:
            return images + error.number + 1, error.what
    return "not found", ""


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--cut", type=int, help="only this cut of the run with exactly this seed")
    parser.add_argument("--planted", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="crash-", dir=scratch_root()) as name:
        scratch = Path(name)
        if options.planted:
            print("\n".join(find_planted(scratch, options.seed)))
            return 0
        if options.cut is not None:
            KINDS[options.kind](options.seed, images=IMAGES_PER_RUN, scratch=scratch, only=options.cut)
            print("no violation")
            return 0
        tallies: dict[str, tuple[Tally, float]] = {}
        try:
            for kind in [options.kind] if options.kind else list(KINDS):
                share = 1.0 if options.kind else SHARES.count(kind) / len(SHARES)
                began = time.process_time()
                tally = several(kind, options.seed, round(options.images * share), scratch)
                tallies[kind] = (tally, time.process_time() - began)
        except Violation as error:
            print(error, file=sys.stderr)
            return 1
        print("\n".join(table(tallies)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
