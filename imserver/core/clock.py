"""Wall-clock time, injected so that tests and simulations own it.

Wall time is used for what people see (a message's time) and for expiry; nothing that orders or bounds
depends on it (G14). Durations are measured by `trio.current_time`.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the wall-clock time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
