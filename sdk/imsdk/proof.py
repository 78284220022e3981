"""What this device can prove of its log: sums of terms, and how far the server has found them equal.

Two sums, both of entries received (SPEC.md, Proof). One lies in the store beside the cursor, over the last
stretch before it: RESUME tells it, so that a server with another history (a backup put back, a damaged disk)
is found out. The other begins anew with every connection: ACK tells it, so that what came over this
connection is known to have arrived as it was sent. No I/O.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from improtocol import limits
from improtocol.digest import DIGEST_MAX

#: The stretch before the cursor holds at least so many entries, or so many positions, if there are as many:
#: few enough for the server to sum up at every resume, more than a handful that could agree by having nothing
#: in them.
ENTRIES_MIN: Final = 8
POSITIONS_MIN: Final = 256
#: An ACK carries its sum once so many positions were never compared: half a byte each. In front of a PING any
#: number will do.
COMPARE_AFTER: Final = 16


@dataclass(slots=True)
class _Check:
    """A sum that was told, and what confirms it, should no RESYNC come before."""

    position: int
    command: int  #: the result of a higher counter
    ping: int  #: the pong of a later ping
    window: int  #: events beyond this position


class Proof:
    """The sums of one device.

    Args:
        cursor: last position committed.
        base, digest: the sum over (base, cursor]; None: not known, so that the next connection begins one.
    """

    def __init__(self, cursor: int, base: int, digest: int | None) -> None:
        self._restart(cursor, base, digest)
        #: Everything the log delivered up to here is known to be equal at the server.
        self.verified = base if digest is not None else 0
        self.rewound_to = -1  #: where the stretch began that was last asked for again
        self._stream = 0
        self._told = cursor
        self._checks: deque[_Check] = deque()
        self._pings = self._pongs = 0

    def _restart(self, cursor: int, base: int, digest: int | None) -> None:
        self._cursor = cursor
        self._base = self._mid = base
        self._older, self._newer = 0, digest
        self._entries = 0

    @property
    def kept(self) -> tuple[int, int | None]:
        """(base, digest) as the store keeps them beside the cursor."""
        return self._base, None if self._newer is None else self._older + self._newer & DIGEST_MAX

    # A connection -----------------------------------------------------------------------------------

    def claim(self) -> tuple[int | None, int]:
        """(digest, span) to say on a new connection."""
        self._told = self._cursor
        self._stream = 0
        self._checks.clear()
        self._pings = self._pongs = 0
        base, digest = self.kept
        if digest is None or self._cursor - base > limits.DIGEST_SPAN_MAX:
            self._newer = None
            return None, 0
        return digest, self._cursor - base

    def attached(self, resync: int) -> None:
        """The server has answered; without a `resync` what was claimed is equal."""
        if resync:
            return
        if self._newer is None:
            self._restart(self._cursor, self._cursor, 0)
        self.verified = max(self.verified, self._cursor)

    def committed(self, end: int, added: int, entries: int) -> None:
        """A range up to `end` is in the store, with so many entries whose terms sum up to `added`."""
        self._cursor = end
        self._stream = self._stream + added & DIGEST_MAX
        if self._newer is None:
            return
        self._newer = self._newer + added & DIGEST_MAX
        self._entries += entries
        enough = self._entries >= ENTRIES_MIN or end - self._mid >= POSITIONS_MIN
        # What was never compared stays in the stretch.
        if enough and self.verified >= self._mid:
            self._base, self._mid = self._mid, end
            self._older, self._newer = self._newer, 0
            self._entries = 0

    def seek(self, cursor: int) -> None:
        """The sums begin anew: the server's word was taken over, or a range is to come again."""
        self._restart(cursor, cursor, 0)
        self._stream = 0
        self._told = self.verified = cursor
        self._checks.clear()

    # Comparing --------------------------------------------------------------------------------------

    def tell(self, acked: int, command: int, *, now: bool) -> int | None:
        """The sum to put into an ACK of everything committed; None: not this time.

        Args:
            acked: position acknowledged before.
            command: the highest counter sent on this connection.
            now: however little there is to compare.
        """
        untold = self._cursor - self._told
        if not untold or (not now and untold < COMPARE_AFTER):
            return None
        self._told = self._cursor
        window = acked + limits.EVENTS_IN_FLIGHT_MAX
        self._checks.append(_Check(self._cursor, command, self._pings, window))
        return self._stream

    def pinged(self) -> None:
        """A PING was sent."""
        self._pings += 1

    def ponged(self) -> None:
        """A PONG came."""
        self._pongs += 1
        while self._checks and self._pongs > self._checks[0].ping:
            self._confirm()

    def answered(self, counter: int) -> None:
        """The RESULT of a command came."""
        while self._checks and counter > self._checks[0].command:
            self._confirm()

    def reached(self, end: int) -> None:
        """EVENTS up to `end` came."""
        while self._checks and end > self._checks[0].window:
            self._confirm()

    def _confirm(self) -> None:
        self.verified = max(self.verified, self._checks.popleft().position)

    def differs(self, verified: int) -> None:
        """The server says that the histories differ after `verified`."""
        self.verified = min(self.verified, verified)
        self._checks.clear()
