"""Storms: many connections end at the same moment."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from imload.churn.outage import How, Who


class Storm(BaseModel):
    """At `at_s` a `share` of the devices of `who` is cut off, for `away_s`; each misses `missed` messages.

    `kind`: `drop` cuts by reset and `silent` leaves the old connections half-open; `restart` (SIGTERM, as a
    deploy does it) and `kill` (SIGKILL) end the tool's own server and start it again after `away_s`, so
    everyone is cut off.
    They come back spread over `spread_s` (full jitter, as the SDK does it).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_s: Annotated[float, Field(ge=0)]
    kind: Literal["drop", "silent", "restart", "kill"] = "drop"
    who: Who = Who.ALL
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    away_s: Annotated[float, Field(ge=0, le=3600)] = 5.0
    spread_s: Annotated[float, Field(ge=0, le=3600)] = 1.0
    missed: Annotated[int, Field(ge=0, le=10_000)] = 0

    @property
    def how(self) -> How:
        """How its connections end."""
        return How.SILENT if self.kind == "silent" else How.RESET

    @property
    def of_server(self) -> bool:
        """Whether it is the server that goes."""
        return self.kind in ("restart", "kill")
