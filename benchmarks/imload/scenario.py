"""A scenario: who there is, what they say and when, and what happens to their connections. One TOML file.

Times are scenario seconds: `speed` of them pass in a second of the clock.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from imload.churn.models import Churn
from imload.churn.outage import Who
from imload.churn.storms import Storm
from imload.parcels import SIZE_BYTES_MAX, ContentKind
from improtocol.limits import IDLE_S_MAX, MEMBERS_MAX

SESSIONS_MAX: Final = 200_000
_DAY_S: Final = 24 * 3600.0


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"the first must not be above the second, as in [{pair[1]:g}, {pair[0]:g}]")
    return pair


def _some_weight(mix: dict[ContentKind, float]) -> dict[ContentKind, float]:
    if not sum(mix.values()) > 0:
        raise ValueError("at least one kind must have a weight above 0")
    return mix


Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=30 * _DAY_S, allow_inf_nan=False)]
Sizes = Annotated[tuple[int, int], AfterValidator(_rising)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Population(_Table):
    """Who there is. Customer n writes with agent n modulo `agents`; groups are made of agents first."""

    customers: Annotated[int, Field(ge=1, le=SESSIONS_MAX)] = 90
    agents: Annotated[int, Field(ge=1, le=SESSIONS_MAX)] = 10
    agent_devices: Annotated[int, Field(ge=1, le=8)] = 1
    groups: Annotated[int, Field(ge=0, le=10_000)] = 0
    group_members: Annotated[int, Field(ge=2, le=min(MEMBERS_MAX, 500))] = 5

    @property
    def sessions(self) -> int:
        """One for each device of everybody."""
        return self.customers + self.agents * self.agent_devices


class Arrivals(_Table):
    """They come within `over_s` before the load begins, but `late_share` of the customers during it."""

    shape: Literal["even", "poisson", "at_once", "recorded"] = "even"
    over_s: Seconds = 5.0
    late_share: Annotated[float, Field(ge=0, le=1)] = 0.0


class Dialogues(_Table):
    """Customers write to their agents, who answer: a dialogue of a few turns with pauses to think.

    `think_s` is the median of a log-normal distribution, `think_sigma` its shape (0: always the median).
    """

    per_customer_per_hour: Annotated[float, Field(ge=0, le=1e6)] = 60.0
    turns: Annotated[tuple[int, int], Field(), AfterValidator(_rising)] = (2, 8)
    think_s: Annotated[float, Field(gt=0, le=3600)] = 4.0
    think_sigma: Annotated[float, Field(ge=0, le=3)] = 0.6
    group_messages_per_hour: Annotated[float, Field(ge=0, le=1e6)] = 60.0


class Messages(_Table):
    """What is written: kinds of content by weight, and how long (log-uniform, beyond the parcel's tag)."""

    mix: Annotated[dict[ContentKind, Weight], Field(min_length=1), AfterValidator(_some_weight)] = {
        ContentKind.TEXT: 100.0
    }
    text_bytes: Annotated[tuple[int, int], AfterValidator(_rising)] = (8, 200)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 0 < self.text_bytes[0] <= self.text_bytes[1] <= SIZE_BYTES_MAX:
            raise ValueError(f"text_bytes must lie within 1 to {SIZE_BYTES_MAX}")
        return self


class App(_Table):
    """How the apps behave. `background_after_s` 0: always in the foreground."""

    keepalive_s: Annotated[float, Field(ge=1, lt=IDLE_S_MAX)] = 60.0
    background_after_s: Seconds = 0.0
    ack_after_s: Annotated[float, Field(ge=0, le=60)] = 1.0
    radio_tail_s: Annotated[float, Field(gt=0, le=60)] = 11.6


class Scenario(_Table):
    """All of it. `imload.scenario_file` reads one from TOML."""

    name: Annotated[str, Field(min_length=1, max_length=80)] = "load"
    seconds: Annotated[float, Field(gt=0, le=30 * _DAY_S)] = 30.0
    speed: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] = 1.0
    settle_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    transport: Literal["tcp", "tls", "ws", "wss"] = "tcp"
    population: Population = Population()
    arrivals: Arrivals = Arrivals()
    dialogues: Dialogues = Dialogues()
    messages: Messages = Messages()
    app: App = App()
    churn: Annotated[tuple[Churn, ...], Field(max_length=32)] = ()
    storms: Annotated[tuple[Storm, ...], Field(max_length=100)] = ()
    recorded: Path | None = None
    server: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        for who in Who:
            shares = sum(churn.share for churn in self.churn if churn.who in (who, Who.ALL))
            if shares > 1.000001:
                raise ValueError(f"churn.share: the shares of {who} together are {shares:g}; 1 is everybody")
        for storm in self.storms:
            if storm.at_s > self.seconds:
                raise ValueError(f"storms.at_s: {storm.at_s:g} is after the end, seconds = {self.seconds:g}")
        if (self.arrivals.shape == "recorded") != (self.recorded is not None):
            raise ValueError('arrivals.shape: "recorded" goes with a file in recorded, and only with one')
        people = self.population.agents + self.population.customers
        if self.population.groups and self.population.group_members > people:
            raise ValueError("population.group_members: more members than people")
        return self
