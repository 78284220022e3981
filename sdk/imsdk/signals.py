"""Signals on their way out and in: typing, presence, delivered watermarks. All may be lost."""

from collections import deque
from typing import Final

from improtocol import SignalKind, limits
from improtocol.frames import Signal
from imsdk.changes import HistoryDiverged
from imsdk.wakeup import Recent

#: Signals that wait to be sent; the oldest go.
OUT_MAX: Final = 64
#: Signals kept for an app that is slow to look; the oldest go.
SEEN_MAX: Final = 256
#: Delivered watermarks that wait to be committed with the next events.
DELIVERED_MAX: Final = 1000


class Signals:
    """The signals of one client."""

    def __init__(self) -> None:
        #: And what else the app is told that lies in no feed.
        self.seen: Recent[Signal | HistoryDiverged] = Recent(SEEN_MAX)
        #: By (conversation, user), not in the store yet.
        self.delivered: dict[tuple[int, str], int] = {}
        self._out: deque[Signal] = deque(maxlen=OUT_MAX)
        self._watched: set[str] = set()
        self._again = False

    def put(self, signal: Signal) -> None:
        """Queue one to send."""
        self._out.append(signal)

    def take(self) -> list[Signal]:
        """Those to send now."""
        watches = [Signal(kind=SignalKind.WATCH, user=user) for user in sorted(self._watched)]
        signals = [*watches, *self._out] if self._again else list(self._out)
        self._again = False
        self._out.clear()
        return signals

    def watch(self, user: str) -> None:
        """Watch a user's presence from now on, also on later connections.

        Raises:
            ValueError: too many are watched.
        """
        if user not in self._watched and len(self._watched) >= limits.WATCHED_USERS_MAX:
            raise ValueError(f"at most {limits.WATCHED_USERS_MAX} users can be watched")
        self._watched.add(user)

    def watch_again(self) -> None:
        """A new connection has to be told whom to watch."""
        self._again = True

    def receive(self, signal: Signal) -> None:
        """One came in."""
        conversation = signal.conversation
        if signal.kind == SignalKind.DELIVERED and isinstance(conversation, int):
            key = (conversation, signal.user)
            if key in self.delivered or len(self.delivered) < DELIVERED_MAX:
                self.delivered[key] = max(self.delivered.get(key, 0), signal.value)
        self.seen.append(signal)

    def delivered_rows(self) -> list[tuple[int, str, int]]:
        """(conversation, user, seq) of all watermarks that are not in the store yet."""
        return [(conversation, user, seq) for (conversation, user), seq in self.delivered.items()]
