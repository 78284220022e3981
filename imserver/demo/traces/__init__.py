"""Outages of real cellular links, recorded while driving, and the windows of them that a run replays."""

import json
import random
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Self

__all__ = ["CARRIERS", "Drive", "Outage"]

CARRIERS: Final = ("verizon-evdo", "tmobile-umts", "att-lte")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The link carries nothing in one direction, from `start_ms` for `length_ms` of the run's own time."""

    start_ms: float
    length_ms: float
    down: bool  #: towards the phone

    @property
    def end_ms(self) -> float:
        return self.start_ms + self.length_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """A window of one carrier's trace, replayed faster.

    Attributes:
        carrier: whose.
        speed: how much faster.
        begin_ms: where in the trace it begins.
        length_ms: of the run's own time, as the outages'.
        outages: in order of their start; the directions are independent.
    """

    carrier: str
    speed: float
    begin_ms: int
    length_ms: float
    outages: tuple[Outage, ...]

    @classmethod
    def choose(cls, rng: random.Random, carrier: str, minutes: float, speed: float) -> Self:
        """`minutes` of `carrier`'s drive at `speed`, from a place that `rng` chooses; the trace goes round.

        Raises:
            KeyError: no such carrier.
        """
        traces = json.loads((files(__name__) / "outages.json").read_text(encoding="ascii"))
        lengths = [traces[f"{carrier}/{direction}"]["length_ms"] for direction in ("down", "up")]
        begin_ms = rng.randrange(0, min(lengths), 1000)
        found = []
        for direction, length_ms in zip(("down", "up"), lengths, strict=True):
            window_ms, lap_ms = minutes * 60_000, 0
            while lap_ms < begin_ms + window_ms:
                for start, gap in traces[f"{carrier}/{direction}"]["outages"]:
                    start_ms = start + lap_ms - begin_ms
                    if start_ms >= 0 and start_ms + gap <= window_ms:
                        found.append(
                            Outage(start_ms=start_ms / speed, length_ms=gap / speed, down=direction == "down")
                        )
                lap_ms += length_ms
        return cls(
            carrier=carrier,
            speed=speed,
            begin_ms=begin_ms,
            length_ms=minutes * 60_000 / speed,
            outages=tuple(sorted(found, key=lambda outage: (outage.start_ms, outage.down))),
        )
