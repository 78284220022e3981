"""Derives the list of outages from traces of cellular links.

    python -m imserver.demo.traces.derive FOLDER > imserver/demo/traces/outages.json

FOLDER holds `<carrier>-driving-{down,up}.csv`: a header, then one line per 100 ms with the bin's number and
how many 1500-byte packets the link could carry in it. An outage is a run of at least `OUTAGE_MS_MIN` without
a packet. Where the traces come from is told in README.md beside this file.
"""

import csv
import json
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Final

BIN_MS: Final = 100
#: Shorter gaps are the link's ordinary jitter: a phone does not notice them.
OUTAGE_MS_MIN: Final = 500
_SUFFIX: Final = "-driving-"


def outages(packets: Iterable[int]) -> list[tuple[int, int]]:
    """(start, length) in ms of every run of empty bins that is an outage."""
    found, start = [], 0
    for empty, run in groupby(packets, key=lambda count: count == 0):
        length = sum(BIN_MS for _ in run)
        if empty and length >= OUTAGE_MS_MIN:
            found.append((start, length))
        start += length
    return found


def read_packets(path: Path) -> list[int]:
    """The packets per bin of one trace.

    Raises:
        ValueError: bins are missing or out of order, so times would be wrong.
    """
    with path.open(newline="", encoding="ascii") as file:
        rows = [(int(row[0]), int(row[1])) for row in list(csv.reader(file))[1:]]
    if [number for number, _ in rows] != list(range(len(rows))):
        raise ValueError(f"{path.name}: bins are not numbered 0, 1, 2, ...")
    return [packets for _, packets in rows]


def derive(folder: Path) -> str:
    """The outage list of all traces in `folder`, as JSON with one direction of one carrier a line."""
    lines = []
    for path in sorted(folder.glob(f"*{_SUFFIX}*.csv")):
        carrier, direction = path.stem.split(_SUFFIX)
        packets = read_packets(path)
        facts = {"length_ms": len(packets) * BIN_MS, "outages": outages(packets)}
        lines.append(f'"{carrier}/{direction}": {json.dumps(facts, separators=(",", ":"))}')
    if not lines:
        raise ValueError(f"no *{_SUFFIX}*.csv in {folder}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(derive(Path(sys.argv[1])))
