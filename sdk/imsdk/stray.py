"""Tells one's own stray connection from a second owner of the session."""

from collections import deque
from math import inf
from typing import Final

import trio

from improtocol import Code
from imsdk.ending import Ended

#: What an abandoned connection had under way may still arrive for so long (two minutes: TCP's segment life).
STRAY_S_MAX: Final = 120.0


class Strays:
    """Remembers when connections were begun."""

    def __init__(self) -> None:
        self._dialled_s: deque[float] = deque(maxlen=2)
        self._excused_s = -inf

    def dialled(self) -> None:
        """A connection is begun."""
        self._dialled_s.append(trio.current_time())

    def excuse(self, ended: Ended) -> bool:
        """The session was taken over: may it have been by an older connection of one's own?

        Its RESUME may come late, after the newer one's. Then connect again, instead of stopping for ever.
        True if there was one not long ago, and only once in a while: against another process with a copy of
        this store one must not fight.
        """
        now_s = trio.current_time()
        earlier_s = self._dialled_s[0] if len(self._dialled_s) > 1 else -inf
        if ended.code != Code.REPLACED or now_s - earlier_s >= STRAY_S_MAX:
            return False
        if now_s - self._excused_s <= STRAY_S_MAX:
            return False
        self._excused_s = now_s
        return True
