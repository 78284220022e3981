"""The ledger of the long run: a row for each chunk of runs whose images all held every promise."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.crash.cutting import Tally

#: Runs of one row: an interrupted run loses less than so many.
RUNS_PER_ROW: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`runs` runs of a kind, from number `first` of its `seed` on, and what their images came to."""

    kind: str
    seed: str
    first: int
    runs: int
    operations: int
    images: int
    unsynced: int
    cpu_s: float
    outcomes: dict[str, int]
    commit: str


def append(path: Path, row: Row) -> None:
    """Add a row to a file of one JSON object a line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def read(path: Path, seed: str) -> list[Row]:
    """All rows of a seed; none if there is no file."""
    if not path.exists():
        return []
    rows = [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row.seed == seed]


def next_run(rows: Iterable[Row], kind: str) -> int:
    """The first run of a kind after all that were made."""
    return max((row.first + row.runs for row in rows if row.kind == kind), default=0)


def summed(rows: Iterable[Row]) -> tuple[Tally, float]:
    """What they come to, and the CPU they took in s."""
    total, cpu_s = Tally(), 0.0
    for row in rows:
        outcomes = Counter(row.outcomes)
        total.add(Tally(row.runs, row.images, row.operations, row.unsynced, outcomes))
        cpu_s += row.cpu_s
    return total, cpu_s


def commits(rows: Iterable[Row]) -> Iterator[str]:
    """Which images were cut of which code, as Markdown."""
    yield "| kind | commit | runs | images |"
    yield "|---|---|---|---|"
    for (kind, commit), group in groupby(rows, key=lambda row: (row.kind, row.commit)):
        total, _ = summed(group)
        yield f"| {kind} | {commit} | {total.runs:,} | {total.images:,} |"
