"""An outage: one device is away for a while."""

from dataclasses import dataclass
from enum import StrEnum


class How(StrEnum):
    """How a connection ends."""

    SILENT = "silent"  #: nothing more passes; the server is not told (half-open)
    FIN = "fin"  #: closed in order, as the kernel does for a killed app
    RESET = "reset"  #: cut by a reset
    FROZEN = "frozen"  #: nothing passes for a while, then the same connection goes on


class Who(StrEnum):
    """Whom churn or a storm can hit."""

    ALL = "all"
    CUSTOMERS = "customers"
    AGENTS = "agents"


@dataclass(frozen=True, slots=True, order=True)
class Outage:
    """Device `device` is away from `begin_s` to `end_s` of the scenario's time.

    Attributes:
        cause: what it is called in results.
        roams: it comes back with another source address, and the old connection stays open beside the new.
        missed: messages that others send to it meanwhile, on top of the ordinary ones.
        storm: index of the storm it belongs to; -1: none.
    """

    begin_s: float
    device: int
    end_s: float
    cause: str
    how: How
    roams: bool = False
    missed: int = 0
    storm: int = -1
