"""Outages from cellular traces: Mahimahi's own format, CSV bins, or the drives that come along."""

import json
import random
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from imload.churn.models import Churn
from imload.churn.outage import How, Outage
from imserver.demo.traces.derive import BIN_MS, outages, read_packets

_FILE_BYTES_MAX: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Trace:
    """A link: its length and `(start, length)` of each time without a packet, in ms. It goes round."""

    length_ms: int
    gaps: tuple[tuple[int, int], ...]

    def outages(
        self, churn: Churn, rng: random.Random, device: int, since_s: float, until_s: float
    ) -> Iterator[Outage]:
        """The outages of a device that begins somewhere in the trace, which `rng` chooses.

        A gap shorter than `churn.lost_s` only freezes the connection; a longer one loses it silently.
        """
        if not self.gaps:
            return
        place_ms = rng.randrange(self.length_ms)
        index = bisect_left(self.gaps, (place_ms, 0))
        lap_s = since_s - place_ms / 1000
        while True:
            if index == len(self.gaps):
                index, lap_s = 0, lap_s + self.length_ms / 1000
            start_ms, length_ms = self.gaps[index]
            index += 1
            begin_s, away_s = lap_s + start_ms / 1000, length_ms / 1000
            if begin_s >= until_s:
                return
            if begin_s < since_s or away_s < churn.stall_s:
                continue
            lost = away_s >= churn.lost_s
            yield Outage(
                begin_s=begin_s,
                device=device,
                end_s=begin_s + away_s,
                cause="trace (lost)" if lost else "trace (stall)",
                how=How.SILENT if lost else How.FROZEN,
                roams=lost,
                missed=churn.missed if lost else 0,
            )


def load_trace(churn: Churn) -> Trace:
    """The trace that `churn` names.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is in neither format; the text says where.
    """
    if churn.carrier is not None:
        return _built_in(churn.carrier)
    assert churn.file is not None
    if churn.file.stat().st_size > _FILE_BYTES_MAX:
        raise ValueError(f"{churn.file} is larger than {_FILE_BYTES_MAX >> 20} MiB")
    if churn.file.suffix == ".csv":
        try:
            packets = read_packets(churn.file)
        except (ValueError, IndexError) as error:
            raise ValueError(f"{churn.file} is not a CSV of 100 ms bins and their packets: {error}") from None
        return Trace(len(packets) * BIN_MS, tuple(outages(packets)))
    return read_mahimahi(churn.file, round(churn.stall_s * 1000))


def read_mahimahi(path: Path, gap_ms_min: int) -> Trace:
    """A trace of Mahimahi: a line for each packet the link could deliver, its time in ms, rising.

    The trace goes round at the last packet's time, as the emulator has it (`mm-link`).

    Raises:
        OSError: it cannot be read.
        ValueError: a line is no time, or times fall.
    """
    gaps, before_ms = [], 0
    with path.open(encoding="ascii", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                at_ms = int(line)
            except ValueError:
                raise ValueError(f"{path}, line {number}: {line.strip()!r:.40} is no time in ms") from None
            if at_ms < before_ms:
                raise ValueError(f"{path}, line {number}: {at_ms} ms is before {before_ms} ms")
            if at_ms - before_ms >= gap_ms_min:
                gaps.append((before_ms, at_ms - before_ms))
            before_ms = at_ms
    if not before_ms:
        raise ValueError(f"{path} holds no packets")
    return Trace(before_ms, tuple(gaps))


def _built_in(carrier: str) -> Trace:
    """A drive from `imserver.demo.traces`, towards the phone: what it does not hear, it is cut off from."""
    drives = json.loads((files("imserver.demo.traces") / "outages.json").read_text(encoding="ascii"))
    drive = drives[f"{carrier}/down"]
    return Trace(drive["length_ms"], tuple((start, length) for start, length in drive["outages"]))
