"""Raw figures: one line of JSON for each measurement, kept beside the report that is made of them."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

#: A median of fewer says little.
REPEATS_MIN = 3
#: What the others are compared with.
OURS = "imserver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One workload on one peer, once."""

    run: str  #: when the run began, UTC
    repeat: int
    workload: str
    peer: str
    version: str
    machine: str
    fixed_loop_ms: float  #: the mean of before and after
    scale: float
    figures: dict[str, float]
    failed: str = ""  #: why there are no figures
    load: float | None = None  #: the machine's load average over the minute that ended with it; ours included


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one figure of one peer, over the repeats of a run."""

    median: float
    least: float
    most: float
    count: int
    ratio: float | None  #: to ours: the median over pairs of the same repeat of the same run


class Samples:
    """What was measured. For each peer and workload one run counts: the newest with enough repeats."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self.all = list(samples)
        repeats = Counter((sample.peer, sample.workload, sample.run) for sample in self.all)
        chosen: dict[tuple[str, str], tuple[int, str]] = {}
        for (peer, workload, run), count in repeats.items():
            rank = min(count, REPEATS_MIN), run
            chosen[peer, workload] = max(chosen.get((peer, workload), rank), rank)
        self.current = [s for s in self.all if s.run == chosen[s.peer, s.workload][1]]

    def peers(self) -> list[str]:
        """Those with any figures, in the order in which they were measured."""
        return list(dict.fromkeys(sample.peer for sample in self.current))

    def spread(self, peer: str, key: str) -> Spread | None:
        """One figure of a peer; None: it was not measured."""
        found = [sample for sample in self.current if sample.peer == peer and key in sample.figures]
        if not found:
            return None
        values = [sample.figures[key] for sample in found]
        ratios = [
            sample.figures[key] / ours for sample in found if (ours := self._partners(sample, key, OURS))
        ]
        ratio = median(ratios) if ratios and peer != OURS else None
        return Spread(median(values), min(values), max(values), len(values), ratio)

    def share(self, peer: str, key: str, of: str) -> float | None:
        """A figure as a share of another peer's: the median over the pairs of the newest run of both."""
        shares: dict[str, list[float]] = {}
        for sample in self.all:
            if sample.peer == peer and key in sample.figures and (theirs := self._partners(sample, key, of)):
                shares.setdefault(sample.run, []).append(sample.figures[key] / theirs)
        return median(shares[max(shares)]) if shares else None

    def _partners(self, sample: Sample, key: str, peer: str) -> float | None:
        """The partner's figure from the same repeat of the same run."""
        for other in self.all:
            same = (other.run, other.repeat, other.workload) == (sample.run, sample.repeat, sample.workload)
            if same and other.peer == peer and key in other.figures:
                return other.figures[key]
        return None


def read(path: Path) -> list[Sample]:
    """Samples of earlier runs; none when there is no such file."""
    if not path.exists():
        return []
    return [Sample(**json.loads(line)) for line in path.read_text().splitlines()]


def append(path: Path, sample: Sample) -> None:
    """Keep one more."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(sample)) + "\n")
