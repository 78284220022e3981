"""How many seeds each planted bug survives; the score goes to docs/simulation.md.

python -m tests.simulation.mutants.hunt [--first 0] [--seeds 500] [--jobs 2] [--write] [NAME ...]
"""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.simulation.mutants.catalogue import MUTANTS
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.mutants.plant import plant

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "simulation.md"
BEGIN, END = "<!-- score: begin -->", "<!-- score: end -->"


def find(mutant: Mutant, first: int, seeds: int) -> tuple[int, str]:
    """(worlds up to the one that found it, what was broken) by a process that has the bug; 0: not found."""
    command = [sys.executable, "-m", "tests.simulation.mutants.hunt", "--inside", mutant.name]
    command += ["--first", str(first), "--seeds", str(seeds)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        raise RuntimeError(found.stderr[-2000:])
    count, _, promise = found.stdout.strip().splitlines()[-1].partition(" ")
    return int(count), promise


def inside(mutant: Mutant, first: int, seeds: int) -> None:
    """The process with the bug: prints how many worlds it took, those before `first` included."""
    plant(mutant)
    from imserver.sim.runs import kind_of, run_seed

    for seed in range(first, seeds):
        outcome = run_seed(seed)
        if outcome.violation:
            print(seed + 1, kind_of(outcome.violation))
            return
    print(0, "not found")


def main() -> int:
    """Hunt; exit code 1 if a bug survived."""
    parser = argparse.ArgumentParser(description="Find the planted bugs.")
    parser.add_argument("names", nargs="*", help="which ones (default: all)")
    parser.add_argument("--first", type=int, default=0, help="leave out the seeds before; then it is a bound")
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the score into docs/simulation.md")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    by_name = {mutant.name: mutant for mutant in MUTANTS}
    if options.inside:
        inside(by_name[options.inside], options.first, options.seeds)
        return 0
    chosen = [by_name[name] for name in options.names] or list(MUTANTS)
    with ThreadPoolExecutor(options.jobs) as pool:
        rows = []
        results = pool.map(partial(find, first=options.first, seeds=options.seeds), chosen)
        for mutant, (count, promise) in zip(chosen, results, strict=True):
            rows.append((mutant, count, promise))
            if options.write:
                write(mutant, f"{'≤ ' if options.first else ''}{count}" if count else "survived", promise)
            print(
                f"{mutant.name}: {f'found by seed {count - 1}: {promise}' if count else 'SURVIVED'}",
                flush=True,
            )
    return 0 if all(count for _, count, _ in rows) else 1


def write(mutant: Mutant, worlds: str, promise: str) -> None:
    """The score table: this row, and those it has of others that are still planted."""
    text = DOCUMENT.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    before, _, tail = rest.partition(END)
    lines = {line.split("|")[1].strip(): line for line in before.splitlines() if line.startswith("| ")}
    told = promise.strip().replace("|", "/")
    lines[mutant.name] = f"| {mutant.name} | `{mutant.module}` | {worlds} | {told} |"
    table = ["| planted bug | in | worlds until found | first promise broken |", "|---|---|---|---|"]
    table += [lines[one.name] for one in MUTANTS if one.name in lines]
    DOCUMENT.write_text("\n".join((f"{head}{BEGIN}", *table, f"{END}{tail}")), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
