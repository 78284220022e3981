"""What a run is to be, and what it was."""

from dataclasses import dataclass

from imserver.demo.incidents import Incident
from imserver.demo.traces import Drive

__all__ = ["Outcome", "Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run, repeatable from its seed as far as processes and networks are."""

    seed: int
    drive: Drive

    @property
    def length_s(self) -> float:
        """Of the bad day; start and end come on top."""
        return self.drive.length_ms / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run leaves behind, besides the journals.

    Attributes:
        incidents: in the order they happened.
        outages: (began, ended) of the trace's outages that happened, on the machine's monotonic clock.
        settled: both apps had sent and received everything within the time allowed.
        fenced: half-open connections that the server hung up because the session had come back on another.
        bytes_passed: through the phone's link, by service and direction.
        connections: that the phone's link saw.
    """

    incidents: tuple[Incident, ...]
    outages: tuple[tuple[float, float], ...]
    settled: bool
    fenced: int
    bytes_passed: dict[str, int]
    connections: int
