"""Two results side by side: each figure, and how many times the second is of the first."""

from collections.abc import Iterator
from typing import NamedTuple

from imload.result_file import one
from imload.results import Line

#: Where a machine's clock and neighbours alone make such a difference, without a partner in the same run.
NOISE: float = 1.5
_FIGURES = (
    (
        "durations_ms",
        ("login", "ack", "delivery", "ack_in_storm", "resume", "recovery"),
        ("p50", "p99", "max"),
    ),
)


class Row(NamedTuple):
    """One figure of both; `ratio` is None where the first is 0 or one is missing."""

    name: str
    first: float | None
    second: float | None
    ratio: float | None


def compare(first: list[Line], second: list[Line]) -> Iterator[Row]:
    """All figures that one of the two files of results has."""
    a, b = figures(one(first, "result")), figures(one(second, "result"))
    for name in [*a, *(name for name in b if name not in a)]:
        left, right = a.get(name), b.get(name)
        ratio = right / left if left and right is not None else None
        yield Row(name, left, right, ratio)


def warnings(first: list[Line], second: list[Line]) -> Iterator[str]:
    """Why the two may not be comparable."""
    a, b = one(first, "run"), one(second, "run")
    if a["fingerprint"] != b["fingerprint"]:
        yield f"not the same load: {a['fingerprint']} and {b['fingerprint']} (scenario, seed or speed differ)"
    for key, words in (
        ("machine", "machine"),
        ("transport", "transport"),
        ("processes", "number of processes"),
    ):
        if a[key] != b[key]:
            yield f"not the same {words}: {a[key]} and {b[key]}"
    loops = a["fixed_loop_ms"], b["fixed_loop_ms"]
    if max(loops) > 1.2 * min(loops):
        yield f"the machine ran at another speed: its fixed loop took {loops[0]} and {loops[1]} ms"
    for name, lines in (("first", first), ("second", second)):
        if not one(lines, "result")["passed"]:
            yield f"the {name} run FAILED: messages are not accounted for"


def figures(result: Line) -> dict[str, float]:
    """The comparable figures of a `result` line, by name."""
    found: dict[str, float | None] = {}
    for section, names, columns in _FIGURES:
        for name in names:
            for column in columns:
                found[f"{name} {column}, ms"] = result[section].get(name, {}).get(column)
    for name, value in result["bytes"].items():
        if name.startswith("per_"):
            found[f"bytes {name.replace('_', ' ')}"] = value
    found["round trips per resume"] = result["round_trips_per_resume"]
    for name, value in {**result["server"], **result["rates"]}.items():
        found[name.replace("_", " ")] = value
    found["radio wake-ups per phone and hour"] = result["radio"]["wakes_per_phone_hour"]
    found["bytes per phone and hour"] = result["radio"]["bytes_per_phone_hour"]
    for storm in result["storms"]:
        found[f"storm {storm['number']}, all consistent, s"] = storm["all_back_s"]
    return {name: value for name, value in found.items() if value is not None}


def table(rows: list[Row], names: tuple[str, str]) -> Iterator[str]:
    """`rows` as text; what lies beyond noise is marked."""
    yield f"{'':<42}{names[0][-14:]:>15}{names[1][-14:]:>15}{'second/first':>14}"
    for row in rows:
        said = "-" if row.ratio is None else f"{row.ratio:.2f}"
        beyond = row.ratio is not None and not 1 / NOISE < row.ratio < NOISE
        mark = " *" if beyond else ""
        yield f"{row.name:<42}{_text(row.first):>15}{_text(row.second):>15}{said:>14}{mark}"
    yield f"* beyond {NOISE} x; less is noise on a shared machine unless runs alternate"


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"
