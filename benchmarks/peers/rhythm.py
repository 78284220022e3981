"""How long an app with nothing to say is silent before it says something all the same."""

from dataclasses import dataclass
from typing import Protocol


class Rhythm(Protocol):
    """Of the keepalives on one connection."""

    foreground: bool  #: the app is in front; set it when that changes

    @property
    def interval_s(self) -> float:
        """Seconds of silence after which a keepalive is due."""
        ...

    def succeeded(self) -> None:
        """One was answered."""
        ...


@dataclass(slots=True)
class Steady:
    """Always the same."""

    interval_s: float
    foreground: bool = False

    def succeeded(self) -> None:
        """Nothing is learned."""
