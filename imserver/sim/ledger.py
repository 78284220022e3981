"""The ledger of the long run: a row for each chunk of worlds that really ran, and what they add up to."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

#: Worlds of one row: an interrupted run loses less than so many.
SEEDS_PER_ROW: Final = 100
YEAR_S: Final = 365.25 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The worlds from seed `first` on, all of which ran; those of the seeds `failed` broke a promise."""

    first: int
    seeds: int
    commit: str
    simulated_s: float
    cpu_s: float
    events: int
    truces: int
    failed: tuple[int, ...] = ()


def append(path: Path, row: Row) -> None:
    """Add a row to a file of one JSON object a line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def read(path: Path) -> list[Row]:
    """All rows; none if there is no file."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Row(**(values | {"failed": tuple(values["failed"])})) for values in map(json.loads, lines)]


def next_seed(rows: Iterable[Row]) -> int:
    """The first seed after all that have run."""
    return max((row.first + row.seeds for row in rows), default=0)


def told(rows: Sequence[Row]) -> Iterator[str]:
    """The sum and a line for each commit, as Markdown."""
    seeds = {seed for row in rows for seed in range(row.first, row.first + row.seeds)}
    whole = _sum(rows)
    yield (
        f"{len(seeds):,} different seeds, {whole.simulated_s / YEAR_S:,.2f} simulated years in"
        f" {whole.cpu_s / 3600:,.1f} hours of CPU, judged {whole.truces + whole.seeds:,} times,"
        f" {whole.events:,} events, {len(whole.failed)} violations."
    )
    yield ""
    yield "| commit | seeds | worlds | simulated days | CPU s | events | violations |"
    yield "|---|---|---|---|---|---|---|"
    for commit, group in groupby(rows, key=lambda row: row.commit):
        part = list(group)
        one, last = _sum(part), max(row.first + row.seeds for row in part) - 1
        failed = " ".join(map(str, one.failed)) or "0"
        yield (
            f"| {commit} | {min(row.first for row in part)} to {last} | {one.seeds:,} |"
            f" {one.simulated_s / 86400:,.1f} | {one.cpu_s:,.0f} | {one.events:,} | {failed} |"
        )
    yield ""


def _sum(rows: Sequence[Row]) -> Row:
    return Row(
        first=0,
        seeds=sum(row.seeds for row in rows),
        commit="",
        simulated_s=sum(row.simulated_s for row in rows),
        cpu_s=sum(row.cpu_s for row in rows),
        events=sum(row.events for row in rows),
        truces=sum(row.truces for row in rows),
        failed=tuple(seed for row in rows for seed in row.failed),
    )
