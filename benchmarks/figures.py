"""Figures of several runs, as the scenarios print them."""

import json
from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.machine import place

Run = dict[str, float]


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, and least and most in brackets."""
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} – {max(values):,.{digits}f})"


def middle(runs: Sequence[Run], name: str) -> float:
    """The median of one figure."""
    return median(run[name] for run in runs)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The rows in columns, as Markdown, so that it can be pasted."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def print_json(scenario: str, runs: Any) -> None:
    """The same for machines: every run."""
    print(json.dumps({"scenario": scenario, "machine": place(), "runs": runs}))


def growth(first: float, last: float) -> str:
    """How much more the last one is."""
    return f"{last / first:.2f} x"
