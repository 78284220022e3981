"""Watermarks that may lag: how far devices have committed, what was delivered, who was seen when.

They are written every few seconds, with the next batch or in one of their own: in a dialogue they rise with
each message, and two rows more for each were a third of what the writer did. Losing them in a crash costs a
few entries sent twice, which the client drops.
"""

from typing import Final

from imserver.storage.store import Marks

#: So many wait at most, whatever the clock says.
_WAITING_MAX: Final = 16_384


class Watermarks:
    """Collects marks until they are `due`: then the next batch takes them, or one of their own."""

    def __init__(self) -> None:
        self._acked: dict[int, int] = {}
        self._delivered: dict[tuple[int, int], int] = {}
        self._seen_ms: dict[int, int] = {}
        self.due = False

    def __len__(self) -> int:
        return len(self._acked) + len(self._delivered) + len(self._seen_ms)

    def acked(self, device: int, position: int) -> None:
        """`device` has committed its user's log up to `position`."""
        self._acked[device] = position

    def delivered(self, conversation: int, user: int, seq: int) -> None:
        """A device of `user` has everything of `conversation` up to `seq`."""
        if seq > self._delivered.get((conversation, user), 0):
            self._delivered[conversation, user] = seq

    def seen(self, device: int, now_ms: int) -> None:
        """`device` was here at `now_ms`."""
        self._seen_ms[device] = now_ms

    def put_back(self, marks: Marks) -> None:
        """`marks` were taken but could not be written; what was collected meanwhile is newer."""
        self._acked = {**marks.acked, **self._acked}
        self._seen_ms = {**marks.seen_ms, **self._seen_ms}
        self._delivered = {**marks.delivered, **self._delivered}

    def take(self) -> Marks | None:
        """Everything collected, to be written with this batch; None when there is nothing due."""
        waiting = len(self)
        if not self.due and waiting <= _WAITING_MAX:
            return None
        self.due = False
        if not waiting:
            return None
        marks = Marks(acked=self._acked, delivered=self._delivered, seen_ms=self._seen_ms)
        self._acked, self._delivered, self._seen_ms = {}, {}, {}
        return marks
