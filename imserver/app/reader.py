"""Who may read where and who may upload, for the HTTP room: the core knows."""

from imserver.app.store_guard import StoreGuard
from imserver.core import Core


class Reader:
    """The HTTP room's `Authorizer`, asked at every read and all along an upload."""

    def __init__(self, core: Core, guard: StoreGuard) -> None:
        self._core = core
        self._guard = guard

    def may_upload(self, app: int, user: str) -> bool:
        return not self._core.is_banned(app, user)

    async def may_read(self, app: int, user: str, conversation: int) -> bool:
        return await self._guard.run(self._core.may_read(app, user, conversation))
