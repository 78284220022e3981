"""The connection's state, as the app sees it."""

from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """Where the connection stands."""

    OFFLINE = "offline"  #: not begun, or closed
    CONNECTING = "connecting"  #: dialling, or waiting for the server's answer
    ONLINE = "online"  #: a session is attached
    WAITING = "waiting"  #: the next attempt comes in `retry_s`
    STOPPED = "stopped"  #: no further attempt: the app has to do something


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionState:
    """One state: WAITING has the seconds to the next attempt, WAITING and STOPPED a reason and a code."""

    phase: Phase
    retry_s: float = 0.0
    reason: str = ""
    code: int = 0

    @property
    def online(self) -> bool:
        """A session is attached."""
        return self.phase is Phase.ONLINE
