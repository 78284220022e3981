"""`imserver sim`: one seed or many, counted, with the command that replays a failure."""

import argparse
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from os import cpu_count
from pathlib import Path

from imserver.sim.buggify import KNOBS, SITES
from imserver.sim.plan import FAULTS
from imserver.sim.runs import Outcome, kind_of, run_plan, run_seed
from imserver.sim.shrink import shrink

#: Seeds handed to a worker at once.
SEEDS_PER_TASK = 5
#: The marks in docs/simulation.md.
BEGIN, END = "<!-- counts: begin -->", "<!-- counts: end -->"


@dataclass(slots=True)
class Tally:
    """What many worlds add up to."""

    seeds: int = 0
    simulated_s: float = 0.0
    cpu_s: float = 0.0
    events: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one world."""
        self.seeds += 1
        self.simulated_s += outcome.simulated_s
        self.cpu_s += outcome.cpu_s
        self.events += outcome.events
        self.faults += outcome.faults
        self.sites += outcome.sites
        if outcome.violation:
            self.failed.append(outcome)

    def table(self) -> Iterator[str]:
        """How often each fault befell a world and each buggify site fired, as Markdown."""
        names = [f"{owner}.{name}" for owner, name, _ in KNOBS]
        for title, kinds, counts in (
            ("fault", FAULTS, self.faults),
            ("site", SITES, self.sites),
            ("limit at an extreme", names, self.sites),
        ):
            yield f"| {title} | times |"
            yield "|---|---|"
            for kind in kinds:
                yield f"| `{kind}` | {counts[kind]:,} |"
            yield ""

    def summary(self) -> str:
        """One line."""
        hours, cpu_s = self.simulated_s / 3600, max(self.cpu_s, 1e-9)
        return (
            f"{self.seeds} seeds, {hours:,.0f} simulated hours in {cpu_s:,.0f} s of CPU "
            f"({self.simulated_s / cpu_s:,.0f} times real time), {self.events:,} events, "
            f"{len(self.failed)} violations"
        )


def run_many(seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    """The outcomes of seeds, in their order."""
    if jobs <= 1:
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run_seed, seeds, chunksize=SEEDS_PER_TASK)


def main(arguments: list[str]) -> int:
    """Run; exit code 1 if any promise was broken."""
    options = _parser().parse_args(arguments)
    if options.seed is not None:
        return _replay(options.seed, trace=options.trace)
    tally, began_s = Tally(), time.monotonic()
    for outcome in run_many(range(options.first, options.first + options.seeds), options.jobs):
        tally.add(outcome)
        if outcome.violation:
            print(f"seed {outcome.seed}: {outcome.violation[:300]}", flush=True)
            print(f"  replay: imserver sim --seed {outcome.seed}", flush=True)
        if options.progress and tally.seeds % 50 == 0:
            print(tally.summary(), flush=True)
    told = f"{tally.summary()}; {time.monotonic() - began_s:,.0f} s on the wall"
    print(told)
    if options.report is not None:
        how = f"Seeds from {options.first}, {options.jobs} processes, Python {platform.python_version()}"
        report(options.report, [f"{how}, commit {_commit()}:", f"{told}.", "", *tally.table()])
    return 1 if tally.failed else 0


def report(path: Path, lines: Sequence[str]) -> None:
    """Put `lines` into a file: between its marks, where it has them, or alone."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if BEGIN not in text:
        text = f"{BEGIN}{END}\n"
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    path.write_text("\n".join((f"{head}{BEGIN}", *lines, f"{END}{tail}")), encoding="utf-8")


def _replay(seed: int, *, trace: bool) -> int:
    """One seed; when it fails, the smallest plan that still does."""
    outcome = run_seed(seed)
    if not outcome.violation:
        print(f"seed {seed}: every promise was kept; trace {outcome.digest}, {outcome.events:,} events")
        return 0
    kind = kind_of(outcome.violation)
    print(f"seed {seed}, commit {_commit()}: {outcome.violation}")
    small = shrink(outcome.plan, lambda plan: kind_of(run_plan(plan).violation) == kind)
    least = run_plan(small)
    print(f"\n{len(small.events)} of {len(outcome.plan.events)} events are enough:\n")
    for event in small.events:
        print(f"  {event}")
    print(f"\n{least.violation}\nreplay: imserver sim --seed {seed}")
    if trace:
        print("\n".join(least.lines))
    return 1


def _commit() -> str:
    """The commit this code is at, as far as git can tell."""
    try:
        found = subprocess.run(
            ("git", "rev-parse", "--short", "HEAD"),  # noqa: S607 - git from the path, as the user has it
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return "unknown"
    return found.stdout.strip() or "unknown"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imserver sim",
        description="Run simulated worlds in which everything fails, and check that every promise is kept.",
    )
    parser.add_argument(
        "--seed", type=int, help="run this one; if it fails, make its plan small and print it"
    )
    parser.add_argument("--seeds", type=int, default=20, help="how many worlds (default 20)")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed (default 0)")
    parser.add_argument(
        "--jobs", type=int, default=cpu_count() or 1, help="processes (default: one per core)"
    )
    parser.add_argument("--report", type=Path, help="put counts of faults and sites into this file")
    parser.add_argument("--progress", action="store_true", help="a line every 50 seeds")
    parser.add_argument(
        "--trace", action="store_true", help="with --seed: the last lines of the trace as well"
    )
    return parser
