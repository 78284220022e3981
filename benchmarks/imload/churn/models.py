"""Models of what phones go through, as settings in a scenario and as draws of outages."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from imload.churn.outage import How, Outage, Who

_DAY_S: Final = 24 * 3600.0


class Shape(NamedTuple):
    """A model's ways, and its defaults: seconds between outages (mean), and away (from, to)."""

    how: How
    roams: bool
    every_s: float
    away_s: tuple[float, float]


#: The durations are choices, not measurements: a ride in a lift, a road tunnel, a hand-over, Android's light
#: doze (5 to 15 minutes between its maintenance windows), somebody who swipes the app away and comes back.
SHAPES: Final = {
    "lift": Shape(How.SILENT, False, 120.0, (8.0, 45.0)),
    "tunnel": Shape(How.SILENT, True, 300.0, (20.0, 120.0)),
    "handover": Shape(How.SILENT, True, 60.0, (0.2, 2.0)),
    "doze": Shape(How.FROZEN, False, 900.0, (300.0, 900.0)),
    "app_kill": Shape(How.FIN, False, 300.0, (2.0, 60.0)),
    "power_off": Shape(How.SILENT, True, 7 * _DAY_S, (_DAY_S, 3 * _DAY_S)),
    "flapping": Shape(How.RESET, False, 60.0, (0.1, 1.0)),
}
_FLAPS: Final = (3, 8)
_FLAP_UP_S: Final = (0.2, 2.0)

ModelName = Literal["lift", "tunnel", "handover", "doze", "app_kill", "power_off", "flapping", "trace"]


class Churn(BaseModel):
    """One kind of churn for a share of the devices of `who`.

    `every_s` and `away_s` replace the model's own. `missed` messages reach the device's conversation while it
    is away, each time. A `trace` takes `file` (Mahimahi or CSV) or `carrier` (a built-in drive); gaps from
    `stall_s` on freeze the connection, from `lost_s` on the app gives it up and comes back with a new one.
    `day_s`: a power-off's day takes so many scenario seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName
    who: Who = Who.ALL
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    every_s: Annotated[float, Field(gt=0, le=365 * _DAY_S)] | None = None
    away_s: tuple[float, float] | None = None
    missed: Annotated[int, Field(ge=0, le=10_000)] = 0
    file: Path | None = None
    carrier: Literal["verizon-evdo", "tmobile-umts", "att-lte"] | None = None
    stall_s: Annotated[float, Field(gt=0, le=3600)] = 0.5
    lost_s: Annotated[float, Field(gt=0, le=3600)] = 3.0
    day_s: Annotated[float, Field(gt=0, le=_DAY_S)] = 10.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.away_s is not None and not 0 <= self.away_s[0] <= self.away_s[1] <= 365 * _DAY_S:
            raise ValueError("away_s must be [shortest, longest] in seconds")
        if (self.model == "trace") != ((self.file is None) != (self.carrier is None)):
            raise ValueError("a trace, and only a trace, takes either file or carrier")
        if self.stall_s > self.lost_s:
            raise ValueError("stall_s must not be above lost_s")
        return self

    def outages(self, rng: random.Random, device: int, begin_s: float, end_s: float) -> Iterator[Outage]:
        """The outages of `device` within the time given, drawn from `rng`. Not for traces."""
        shape = SHAPES[self.model]
        squeeze = self.day_s / _DAY_S if self.model == "power_off" else 1.0
        every_s = (self.every_s or shape.every_s) * squeeze
        shortest_s, longest_s = self.away_s or shape.away_s
        at_s = begin_s + rng.expovariate(1 / every_s)
        while at_s < end_s:
            for _ in range(rng.randint(*_FLAPS) if self.model == "flapping" else 1):
                away_s = rng.uniform(shortest_s, longest_s) * squeeze
                yield Outage(
                    begin_s=at_s,
                    device=device,
                    end_s=at_s + away_s,
                    cause=self.model,
                    how=shape.how,
                    roams=shape.roams,
                    missed=self.missed,
                )
                at_s += away_s + (rng.uniform(*_FLAP_UP_S) if self.model == "flapping" else 0.0)
            at_s += rng.expovariate(1 / every_s)
