"""Tells the operator that the disk is full, and that it is no more: once each, not once a refusal."""

from collections.abc import Callable
from typing import Final

import structlog
import trio

from imserver.core import CoreStatistics

#: At the edge small writes find room and larger ones do not. So it is over when none was refused for so long.
QUIET_S: Final = 10.0
_LOOK_S: Final = 1.0

log = structlog.get_logger()


class DiskWatch:
    """Looks at what the core counts, at no cost to what it does.

    `full` holds from the first write that was refused until one was committed after `QUIET_S` without another
    refusal.
    """

    def __init__(self, statistics: Callable[[], CoreStatistics]) -> None:
        self._statistics = statistics
        self._refused = 0
        self._batches = 0
        self._refused_at_s = 0.0
        self.full = False

    def look(self) -> bool:
        """Look now; returns `full`."""
        now_s, figures = trio.current_time(), self._statistics()
        if figures.disk_full > self._refused:
            if not self.full:
                log.error("disk_full", do="make room; nothing acknowledged is lost, what comes is refused")
            self.full, self._refused_at_s = True, now_s
            self._refused = figures.disk_full
            self._batches = figures.batches
        elif now_s < self._refused_at_s + QUIET_S:
            self._batches = figures.batches
        elif self.full and figures.batches > self._batches:
            self.full = False
            log.info("disk_has_room", refused_writes=self._refused)
        return self.full

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            self.look()
            await trio.sleep(_LOOK_S)
