"""Who may read where, for the HTTP room: the core knows."""

from imserver.app.store_guard import StoreGuard
from imserver.core import Core


class Reader:
    """The HTTP room's `Authorizer`, asked at every read."""

    def __init__(self, core: Core, guard: StoreGuard) -> None:
        self._core = core
        self._guard = guard

    async def may_read(self, app: int, user: str, conversation: int) -> bool:
        return await self._guard.run(self._core.may_read(app, user, conversation))
