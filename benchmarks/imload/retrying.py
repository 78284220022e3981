"""When a device connects again: full jitter, doubling, what the server asked for on top; as in the SDK."""

import random
from typing import Final

from improtocol import Code, NextAction, action_of, frames

#: The first retry comes within so long; each further one may wait twice as long, up to a bound.
_FIRST_S_MAX: Final = 1.0
_FOREGROUND_S_MAX: Final = 5.0
_BACKGROUND_S_MAX: Final = 15.0
_DOUBLINGS_MAX: Final = 10


def delay_s(
    rng: random.Random, failures: int, close: frames.Close | None, *, background: bool
) -> float | None:
    """Seconds until the next attempt; None: the server said not to come back.

    Args:
        rng: of the device.
        failures: attempts in vain so far.
        close: what the server said; None: nothing.
        background: whether the app is.
    """
    action = NextAction.RETRY_NOW if close is None else action_of(close.code)
    if action in (NextAction.STOP, NextAction.REFUSED):
        return None
    most_s = _BACKGROUND_S_MAX if background else _FOREGROUND_S_MAX
    delay = rng.uniform(0, min(_FIRST_S_MAX * 2.0 ** min(failures, _DOUBLINGS_MAX), most_s))
    return delay + (close.retry_after_ms / 1000 if close is not None else 0.0)


def name_of(code: int) -> str:
    """A close code's name; its number where this version does not know it."""
    try:
        return Code(code).name
    except ValueError:
        return str(code)
