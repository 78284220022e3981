"""`imserver sim`: one seed or many, counted, with the command that replays a failure."""

import argparse
import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from os import cpu_count
from pathlib import Path

from imserver.sim import ledger, revision
from imserver.sim.buggify import KNOBS, SITES
from imserver.sim.ledger import Row
from imserver.sim.plan import FAULTS
from imserver.sim.runs import Outcome, kind_of, run_long_seed, run_plan, run_seed
from imserver.sim.shrink import shrink

#: Seeds handed to a worker at once.
SEEDS_PER_TASK = 5
#: Of a plan that stays long.
EVENTS_PRINTED = 40
#: The marks in docs/simulation.md: of what one run counted, and of what all long runs add up to.
COUNTS, LONG = "counts", "long"


@dataclass(slots=True)
class Tally:
    """What many worlds add up to."""

    seeds: int = 0
    simulated_s: float = 0.0
    cpu_s: float = 0.0
    events: int = 0
    truces: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one world."""
        self.seeds += 1
        self.simulated_s += outcome.simulated_s
        self.cpu_s += outcome.cpu_s
        self.events += outcome.events
        self.truces += outcome.truces
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
            f"({self.simulated_s / cpu_s:,.0f} times real time), judged {self.truces + self.seeds:,} times, "
            f"{self.events:,} events, {len(self.failed)} violations"
        )

    def row(self, first: int, commit: str) -> Row:
        """For the ledger."""
        return Row(
            first=first,
            seeds=self.seeds,
            commit=commit,
            simulated_s=round(self.simulated_s, 1),
            cpu_s=round(self.cpu_s, 1),
            events=self.events,
            truces=self.truces,
            failed=tuple(outcome.seed for outcome in self.failed),
        )


def run_many(seeds: Sequence[int], jobs: int, *, long: bool = False) -> Iterator[Outcome]:
    """The outcomes of seeds, in their order. `long`: some last days."""
    run = run_long_seed if long else run_seed
    if jobs <= 1:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run, seeds, chunksize=SEEDS_PER_TASK)


def main(arguments: list[str]) -> int:
    """Run; exit code 1 if any promise was broken."""
    options = _parser().parse_args(arguments)
    if options.seed is not None:
        return _replay(options.seed, long=options.long, trace=options.trace)
    rows = [] if options.ledger is None else ledger.read(options.ledger)
    first = ledger.next_seed(rows) if options.first is None else options.first
    tally, chunk, commit, began_s = Tally(), Tally(), revision.commit(), time.monotonic()
    for outcome in run_many(range(first, first + options.seeds), options.jobs, long=options.long):
        tally.add(outcome)
        chunk.add(outcome)
        if outcome.violation:
            print(f"seed {outcome.seed}: {outcome.violation[:300]}", flush=True)
            print(f"  replay: {_command(outcome.seed, long=options.long)}", flush=True)
        if options.progress and tally.seeds % 50 == 0:
            print(tally.summary(), flush=True)
        if options.ledger is not None and (
            chunk.seeds == ledger.SEEDS_PER_ROW or tally.seeds == options.seeds
        ):
            ledger.append(options.ledger, chunk.row(first + tally.seeds - chunk.seeds, commit))
            chunk = Tally()
            if options.report is not None:
                report(options.report, [*ledger.told(ledger.read(options.ledger))], LONG)
    told = f"{tally.summary()}; {time.monotonic() - began_s:,.0f} s on the wall"
    print(told)
    if options.report is not None and options.ledger is None:
        how = f"Seeds from {first}, {options.jobs} processes, Python {platform.python_version()}"
        report(options.report, [f"{how}, commit {commit}:", f"{told}.", "", *tally.table()], COUNTS)
    return 1 if tally.failed else 0


def report(path: Path, lines: Sequence[str], name: str) -> None:
    """Put `lines` into a file: between its marks of that name, where it has them, or alone."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if begin not in text:
        text = f"{begin}{end}\n"
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    path.write_text("\n".join((f"{head}{begin}", *lines, f"{end}{tail}")), encoding="utf-8")


def _replay(seed: int, *, long: bool, trace: bool) -> int:
    """One seed; when it fails, the smallest plan that still does."""
    outcome = (run_long_seed if long else run_seed)(seed)
    if not outcome.violation:
        print(f"seed {seed}: every promise was kept; trace {outcome.digest}, {outcome.events:,} events")
        return 0
    kind = kind_of(outcome.violation)
    print(f"seed {seed}, commit {revision.commit()}: {outcome.violation}")
    # What would have come after the failure has no part in it.
    begun = tuple(event for event in outcome.plan.events if event.at_s <= outcome.simulated_s)
    small = shrink(
        replace(outcome.plan, events=begun), lambda plan: kind_of(run_plan(plan).violation) == kind
    )
    least = run_plan(small)
    print(f"\n{len(small.events)} of {len(outcome.plan.events)} events are enough:\n")
    for event in small.events[-EVENTS_PRINTED:]:
        print(f"  {event}")
    if len(small.events) > EVENTS_PRINTED:
        print(f"  (the last {EVENTS_PRINTED} of them)")
    print(f"\n{least.violation}\nreplay: {_command(seed, long=long)}")
    if trace:
        print("\n".join(least.lines))
    return 1


def _command(seed: int, *, long: bool) -> str:
    return f"imserver sim {'--long ' if long else ''}--seed {seed}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imserver sim",
        description="Run simulated worlds in which everything fails, and check that every promise is kept.",
    )
    parser.add_argument(
        "--seed", type=int, help="run this one; if it fails, make its plan small and print it"
    )
    parser.add_argument("--seeds", type=int, default=20, help="how many worlds (default 20)")
    parser.add_argument("--first", type=int, help="the first one's seed (default: 0, or after the ledger's)")
    parser.add_argument("--long", action="store_true", help="one world in ten lasts days instead of an hour")
    parser.add_argument(
        "--jobs", type=int, default=cpu_count() or 1, help="processes (default: one per core)"
    )
    parser.add_argument("--report", type=Path, help="put counts, or what the ledger says, into this file")
    parser.add_argument("--ledger", type=Path, help="add a row to this file for every hundred worlds")
    parser.add_argument("--progress", action="store_true", help="a line every 50 seeds")
    parser.add_argument(
        "--trace", action="store_true", help="with --seed: the last lines of the trace as well"
    )
    return parser
