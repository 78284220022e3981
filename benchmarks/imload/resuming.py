"""One resume from the start of connecting to the last missed message, and what it took."""

from imload.tally import Tally


class Resuming:
    """The way back of one device; used again for each.

    `cause` and `since_s` are set by the driver: what it was away for, and since when the network is back.
    """

    __slots__ = (
        "_bytes",
        "_heard",
        "_missed",
        "_under_way",
        "cause",
        "connecting_s",
        "consistent",
        "since_s",
        "target",
        "turns",
    )

    def __init__(self) -> None:
        self.cause = ""
        self.since_s = 0.0
        self.connecting_s = 0.0
        self.consistent = False  #: attached, with everything that was there when it attached
        self.target = 0  #: the cursor at which it has everything
        self.turns = 0  #: round trips so far
        self._under_way = False
        self._heard = True
        self._bytes = self._missed = 0

    def restart(self, *, under_way: bool) -> None:
        """A new connection; `under_way`: it is to be a resume and not a login."""
        self.consistent = False
        self._under_way = under_way
        self._heard = True
        self.turns = self._bytes = self._missed = 0

    def said(self) -> None:
        """Something is written."""
        self._heard = False

    def heard(self) -> None:
        """Something was read: if it came after something said, a round trip is over."""
        if not self._heard:
            self._heard = True
            self.turns += 1

    def took(self, size: int, entries: int = 0) -> None:
        """Part of the resume: so many bytes, so many entries."""
        if self._under_way:
            self._bytes += size
            self._missed += entries

    def look(self, cursor: int, now_s: float, tally: Tally) -> None:
        """The device is attached, and its cursor stands there: is that all?"""
        if self.consistent or cursor < self.target:
            return
        self.consistent = True
        if self._under_way:
            self._under_way = False
            tally.resumed(
                self.cause or "unplanned",
                now_s - self.connecting_s,
                now_s - self.since_s,
                self._missed,
                self._bytes,
                self.turns,
            )
