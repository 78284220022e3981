"""Upkeep: what is done every few seconds or hours, and can wait when the disk is full."""

from collections.abc import Callable
from typing import Final

import trio

from imserver.core.clock import Clock
from imserver.core.delivery import Delivery
from imserver.core.limits import DAY_MS, CoreLimits
from imserver.core.sessions import Session
from imserver.storage.store import Store, StoreFull

_TICK_S: Final = 5.0
_TRIM_S: Final = 3600.0


class Upkeep:
    """Sliding expiry of sessions and retention of logs.

    Args:
        tick: called every few seconds with `trio.current_time`.
    """

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        clock: Clock,
        limits: CoreLimits,
        tick: Callable[[float], None],
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._limits = limits
        self._tick = tick
        self._extend: dict[int, int] = {}
        self.disk_full = 0

    def used(self, session: Session) -> None:
        """`session` was used: it lives on from now. Written at most about once a day and session."""
        now_ms = self._clock.now_ms()
        life_ms = self._limits.session_days * DAY_MS
        if session.expires_ms < now_ms + life_ms - DAY_MS:
            session.expires_ms = self._extend[session.device] = now_ms + life_ms

    async def run(self) -> None:
        """Tick, extend and trim until cancelled."""
        trimmed_at_s = trio.current_time()
        while True:
            await trio.sleep(_TICK_S)
            now_s = trio.current_time()
            self._tick(now_s)
            extend, self._extend = self._extend, {}
            try:
                if extend:
                    await self._store.extend_sessions(extend)
                if now_s - trimmed_at_s >= _TRIM_S:
                    trimmed_at_s = now_s
                    await self.trim_logs()
            except StoreFull:
                self.disk_full += 1
                # Both can wait for room: expiry moves by days, and what was not trimmed harms nobody.
                self._extend = extend | self._extend

    async def trim_logs(self) -> int:
        """Apply the logs' retention now; returns how many entries went."""
        trimmed = await self._store.trim_logs(
            before_ms=self._clock.now_ms() - self._limits.log_days * DAY_MS,
            positions_kept_max=self._limits.log_positions_max,
        )
        if trimmed:
            users = {user.id: user for user in self._delivery.users()}
            for id, head in (await self._store.log_heads(list(users))).items():
                users[id].oldest = max(users[id].oldest, head.oldest)
        return trimmed
