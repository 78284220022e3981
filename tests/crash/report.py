"""The results as Markdown, put between two marks of docs/crash-images.md."""

import platform
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Final

import apsw

from imserver.sim import revision
from tests.crash.cutting import Tally

PAGE: Final = Path(__file__).parents[2] / "docs" / "crash-images.md"
BEGIN: Final = "<!-- results: written by `python -m tests.crash --write`, not by hand -->"
END: Final = "<!-- end of results -->"

Timed = dict[str, tuple[Tally, float]]


def cuts_table(tallies: Timed) -> list[str]:
    """What the power cuts came to, by kind, and what the images were like."""
    lines = ["| kind | runs | operations | images | not synced at a cut | violations | images/s |"]
    lines.append("|---|---|---|---|---|---|---|")
    for kind, (tally, cpu_s) in tallies.items():
        lines.append(
            f"| {kind} | {tally.runs:,} | {tally.operations:,} | {tally.images:,} |"
            f" {tally.unsynced / max(1, tally.images):.1f} | 0 | {tally.images / max(cpu_s, 1e-9):.0f} |"
        )
    images = sum(tally.images for tally, _ in tallies.values())
    seconds = sum(cpu_s for _, cpu_s in tallies.values())
    lines.append(f"| all | | | {images:,} | | 0 | {images / max(seconds, 1e-9):.0f} |")
    lines += ["", "| kind | the image was | images |", "|---|---|---|"]
    for kind, (tally, _) in tallies.items():
        lines += [f"| {kind} | {name} | {count:,} |" for name, count in sorted(tally.outcomes.items())]
    return lines


def rot_table(lying: Counter[str], flipped: Counter[str]) -> list[str]:
    """Who notices lies and flips."""
    lines = ["| disk | what became of it | images |", "|---|---|---|"]
    lines += [f"| lying fsync | {name} | {count:,} |" for name, count in sorted(lying.items())]
    lines += [f"| one bit flipped in the {name} | {count:,} |".replace(": ", " | ", 1)
              for name, count in sorted(flipped.items())]  # fmt: skip
    return lines


def versions() -> str:
    """What took part."""
    return (
        f"Commit {revision.commit()}. Written by SQLite {apsw.sqlite_lib_version()} (apsw), recovered by"
        f" SQLite {sqlite3.sqlite_version}, Python {platform.python_version()}, {platform.system()}"
        f" {platform.machine()}; images/s are per second of CPU on one core, runs included."
    )


def write(command: str, parts: list[list[str]]) -> None:
    """Replace the results on the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    body = "\n\n".join("\n".join(part) for part in [[f"`{command}`"], [versions()], *parts])
    PAGE.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}", encoding="utf-8")
