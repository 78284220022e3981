"""Tells one's own stray connections from a second owner of the session."""

from collections import deque
from typing import Final

import trio

from improtocol import Code
from imsdk.ending import Ended

#: What an abandoned connection had under way may still arrive for so long (two minutes: TCP's segment life).
STRAY_S_MAX: Final = 120.0
#: More greetings than this are not kept in mind.
STRAYS_MAX: Final = 64
#: So many an earlier process with this store may have left: with back-off it greets no more often.
STRAYS_BEFORE: Final = 8


class Strays:
    """Remembers greetings that were never answered: each may still arrive, and takes the session then.

    One that was answered cannot come any more. So a fight with another process that has a copy of this store
    ends after a few turns: there every connection is answered before it is replaced. What an earlier process
    with this store had under way when it was killed nobody knows, so it counts as a few.
    """

    def __init__(self) -> None:
        self._greeted_s: deque[float] = deque(maxlen=STRAYS_MAX)
        self._first = True

    def greeted(self) -> None:
        """CONNECT or RESUME is sent on a new connection."""
        if self._first:
            self._first = False
            self._greeted_s.extend([trio.current_time()] * STRAYS_BEFORE)
        self._greeted_s.append(trio.current_time())

    def answered(self) -> None:
        """The newest greeting was answered."""
        if self._greeted_s:
            self._greeted_s.pop()

    def excuse(self, ended: Ended) -> bool:
        """The session was taken over: may it have been by an older connection of one's own?

        Then connect again, instead of stopping for ever. Each stray excuses once.
        """
        if ended.code != Code.REPLACED:
            return False
        while self._greeted_s:
            if trio.current_time() - self._greeted_s.popleft() < STRAY_S_MAX:
                return True
        return False
