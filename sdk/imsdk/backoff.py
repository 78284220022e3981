"""When to dial again: full-jitter exponential back-off that honours the server's retry time.

Full jitter (a delay drawn evenly from zero to a doubling bound) spreads a crowd that was cut off together
better than a fixed delay with a little noise: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
"""

from random import Random
from typing import Final

from improtocol import NextAction

#: The first retry comes within this time; each further one may wait twice as long.
FIRST_S_MAX: Final = 1.0
#: A retry is never further away on our own account. Somebody who looks at the screen waits at most this long
#: after the network is back; a device in the pocket must still be at the head within 30 s (G9).
FOREGROUND_S_MAX: Final = 5.0
BACKGROUND_S_MAX: Final = 15.0

_STOPPING: Final = frozenset({NextAction.STOP, NextAction.REFUSED})


class Backoff:
    """The delays between attempts to connect. Knows no clock: it says how long, the caller waits.

    Args:
        rng: where jitter comes from; a seeded one makes a run repeatable.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._attempts = 0

    @property
    def attempts(self) -> int:
        """Delays given since the last `reset`."""
        return self._attempts

    def next_delay(
        self,
        action: NextAction = NextAction.RETRY_NOW,
        retry_after_ms: int = 0,
        *,
        bound_s: float = BACKGROUND_S_MAX,
    ) -> float:
        """Seconds to wait before the next attempt.

        The first one after a `reset` is drawn from 0-1 s, then the bound doubles up to `bound_s`. A
        retry time of the server comes on top, whatever the action, so that a refused crowd does not return
        in one moment.

        Args:
            action: what the close code asks for; NONE (the network failed without a word) counts as
            RETRY_NOW.
            retry_after_ms: the server's wish, 0 for none.
            bound_s: the longest delay on our own account.

        Raises:
            ValueError: the action says not to reconnect.
        """
        if action in _STOPPING:
            raise ValueError(f"{action.name} means: do not reconnect")
        bound = min(bound_s, FIRST_S_MAX * 2 ** min(self._attempts, 16))
        self._attempts += 1
        return max(0, retry_after_ms) / 1000 + self._rng.uniform(0.0, bound)

    def reset(self) -> None:
        """A session was attached, or the network changed: the next attempt is a first one again."""
        self._attempts = 0
