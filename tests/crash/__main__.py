"""`python -m tests.crash`: cut the power many times, and write down what came of it.

python -m tests.crash --images 10000                  all kinds, from seed 1
python -m tests.crash --kind server --seed 1/server/16 --cut 94   one image again
python -m tests.crash --planted                       the planted mistakes and how soon each is found
"""

import argparse
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from imserver.sim import revision
from tests.crash import client_runs, ledger, media_runs, planted, recovery_runs, report, rot_runs, server_runs
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
#: Runs of each kind of bad disk, 20 images each.
ROT_RUNS = 60
#: Of ten runs: how many of each kind.
SHARES = ("server", "server", "server", "server", "client", "client", "client", "client", "recovery", "media")


def scratch_root() -> str | None:
    """A RAM disk where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def run_seeds(kind: str, seed: str, images: int, first: int = 0) -> list[str]:
    """Of as many runs as it takes, without those before the run of number `first`."""
    return [f"{seed}/{kind}/{number}" for number in range(first, math.ceil(images / IMAGES_PER_RUN))]


def one(kind: str, seed: str, scratch: Path) -> tuple[Tally, float]:
    """A run, and the CPU it took in s; a violation says how to see it again."""
    began = time.process_time()
    own = scratch / str(os.getpid())
    try:
        tally = KINDS[kind](seed, images=IMAGES_PER_RUN, scratch=own)
    except Violation as error:
        notes = "\n".join(getattr(error, "__notes__", ()))
        again = f"python -m tests.crash --kind {kind} --seed {seed} --cut {error.number}"
        raise Violation(f"{error}\n{notes}\nagain: {again}", error.number) from error
    return tally, time.process_time() - began


def find_planted(scratch: Path, seed: str, images_max: int = 3_000) -> list[str]:
    """How many images each planted mistake takes to be found."""
    lines = ["| kind | planted mistake | found after images | as |", "|---|---|---|---|"]
    for kind, mistakes in planted.ALL.items():
        for name, mistake in mistakes.items():
            with mistake():
                found = first_violation(kind, f"{seed}/{kind}", images_max, scratch)
            lines.append(f"| {kind} | {name} | {found[0]} | {found[1].replace(str(scratch), '…')} |")
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


def find_rot(scratch: Path, seed: str, runs: int) -> list[str]:
    """Who notices a disk that lies or rots, over so many runs of 20 images each."""
    lying, flipped = Counter[str](), Counter[str]()
    for number in range(runs):
        lying.update(rot_runs.lying_run(f"{seed}/lying/{number}", 20, scratch))
        flipped.update(rot_runs.flipped_run(f"{seed}/flipped/{number}", 20, scratch))
    return report.rot_table(lying, flipped)


def cut(kinds: Sequence[str], seed: str, images: int, scratch: Path, jobs: int, book: Path) -> None:
    """Cut the power so many times, in `jobs` processes; one kind gets all of them, several their shares.

    What was made is noted in `book`, the ledger, and goes on there where it ends.
    """
    rows, commit = ledger.read(book, seed), revision.commit()
    pool = ProcessPoolExecutor(jobs)
    try:
        for kind in kinds:
            share = 1.0 if len(kinds) == 1 else SHARES.count(kind) / len(SHARES)
            first = ledger.next_run(rows, kind)
            seeds = run_seeds(kind, seed, round(images * share), first)
            results = pool.map(partial(one, kind, scratch=scratch), seeds, chunksize=4)
            for begin in range(0, len(seeds), ledger.RUNS_PER_ROW):
                total, cpu_s = Tally(), 0.0
                for tally, took_s in islice(results, ledger.RUNS_PER_ROW):
                    total.add(tally)
                    cpu_s += took_s
                row = ledger.Row(
                    kind=kind,
                    seed=seed,
                    first=first + begin,
                    runs=total.runs,
                    operations=total.operations,
                    images=total.images,
                    unsynced=total.unsynced,
                    cpu_s=round(cpu_s, 1),
                    outcomes=dict(total.outcomes),
                    commit=commit,
                )
                ledger.append(book, row)
            print(f"{kind}: {len(seeds) * IMAGES_PER_RUN:,} images, 0 violations", file=sys.stderr)
    finally:
        pool.shutdown(cancel_futures=True)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: cores)")
    parser.add_argument("--cut", type=int, help="only this cut of the one run with exactly this seed")
    parser.add_argument("--planted", action="store_true", help="only the planted mistakes")
    parser.add_argument("--rot", action="store_true", help="only disks that lie or rot")
    parser.add_argument(
        "--ledger", type=Path, help="note what was made in this file, and go on where it ends"
    )
    parser.add_argument(
        "--write", action="store_true", help="that, planted mistakes and rot, into docs/crash-images.md"
    )
    return parser.parse_args()


def main() -> int:
    """Run what was asked for, print it; 1 when a promise was broken."""
    asked = options()
    with TemporaryDirectory(prefix="crash-", dir=scratch_root()) as name:
        scratch = Path(name)
        if asked.planted:
            print("\n".join(find_planted(scratch, asked.seed)))
            return 0
        if asked.rot:
            print("\n".join(find_rot(scratch, asked.seed, ROT_RUNS)))
            return 0
        try:
            if asked.cut is not None:
                KINDS[asked.kind](asked.seed, images=IMAGES_PER_RUN, scratch=scratch, only=asked.cut)
                print("no violation")
                return 0
            kinds = [asked.kind] if asked.kind else [*KINDS]
            book = asked.ledger or scratch / "ledger"
            cut(kinds, asked.seed, asked.images, scratch, asked.jobs, book)
        except Violation as error:
            print(error, *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
            return 1
        rows = ledger.read(book, asked.seed)
        tallies = {kind: ledger.summed(row for row in rows if row.kind == kind) for kind in kinds}
        print("\n".join(report.cuts_table(tallies)))
        if asked.write:
            parts = [find_planted(scratch, asked.seed), find_rot(scratch, asked.seed, ROT_RUNS)]
            command = f"python -m tests.crash --write --images {asked.images} --seed {asked.seed}"
            report.write(command, [report.cuts_table(tallies), [*ledger.commits(rows)], *parts])
    return 0


if __name__ == "__main__":
    sys.exit(main())
