"""Numbers of a client: traffic, and what each resume cost."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

#: Resumes remembered; older ones are forgotten.
RESUMES_MAX: Final = 1000


@dataclass(slots=True, kw_only=True)
class Resume:
    """One time a session was attached, from the first byte said to the moment nothing was missing any more.

    Attributes:
        started_s: when RESUME or CONNECT was sent, by trio's clock.
        new_session: it was a CONNECT.
        consistent_s: seconds from there until the cursor had reached the head that the server quoted; None:
            not yet.
        bytes_in, bytes_out: until then, frames only (no TLS, WebSocket or TCP headers).
        round_trips: turns of the protocol until then: one, and one for each window or query waited for.
        missed_events: entries received until then.
    """

    started_s: float
    new_session: bool
    consistent_s: float | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    round_trips: int = 1
    missed_events: int = 0

    def count(
        self, *, bytes_in: int = 0, bytes_out: int = 0, round_trips: int = 0, missed_events: int = 0
    ) -> None:
        """Add what it costs, as long as something is missing."""
        if self.consistent_s is None:
            self.bytes_in += bytes_in
            self.bytes_out += bytes_out
            self.round_trips += round_trips
            self.missed_events += missed_events


@dataclass(slots=True, kw_only=True)
class Statistics:
    """Counts since the client was entered.

    `unreadable` counts entries that this version could not read, `diverged` the times the server found that
    this device's history differs from its own. `verified_through` is the log position up to which both are
    known to be equal.
    """

    bytes_in: int = 0
    bytes_out: int = 0
    frames_in: int = 0
    frames_out: int = 0
    dials: int = 0
    events: int = 0
    unreadable: int = 0
    diverged: int = 0
    verified_through: int = 0
    resumes: deque[Resume] = field(default_factory=lambda: deque(maxlen=RESUMES_MAX))
