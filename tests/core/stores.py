"""A store that can be full, slow or broken."""

from collections.abc import Sequence
from typing import Any

import trio

from imserver.storage.memory import MemoryStore
from imserver.storage.store import StoreFull


class SlowStore(MemoryStore):
    """A memory store that can be full, and whose calls can be held back.

    While `holding`, calls wait for `go`; `full` refuses what writes.
    """

    def __init__(self, epoch: int | None = None) -> None:
        super().__init__(epoch)
        self.full = False
        self.holding: set[str] = set()
        self.held = trio.Event()
        self.go = trio.Event()
        self.reads = 0
        self.logins = 0

    def hold(self, *names: str) -> None:
        self.holding = set(names)
        self.held, self.go = trio.Event(), trio.Event()

    def release(self) -> None:
        self.holding = set()
        self.go.set()

    async def _pass(self, name: str, *, writes: bool = False) -> None:
        if name in self.holding:
            self.held.set()
            await self.go.wait()
        if writes and self.full:
            raise StoreFull

    async def append(self, writes: Any, marks: Any = None) -> Any:
        await self._pass("append", writes=True)
        return await super().append(writes, marks)

    async def log_in(self, logins: Any) -> Any:
        self.logins += 1
        await self._pass("log_in", writes=True)
        return await super().log_in(logins)

    async def end_sessions(self, app: int, user: str) -> list[int]:
        await self._pass("end_sessions", writes=True)
        return await super().end_sessions(app, user)

    async def set_banned(self, app: int, user: str, *, banned: bool) -> None:
        await self._pass("set_banned", writes=True)
        await super().set_banned(app, user, banned=banned)

    async def log_heads(self, users: Sequence[int]) -> Any:
        found = await super().log_heads(users)
        await self._pass("log_heads")
        return found

    async def user_ids(self, app: int, names: Sequence[str]) -> dict[str, int]:
        found = await super().user_ids(app, names)
        await self._pass("user_ids")
        return found

    async def ensure_users(self, app: int, names: Sequence[str]) -> dict[str, int]:
        await self._pass("ensure_users", writes=True)
        return await super().ensure_users(app, names)

    async def extend_sessions(self, expires_ms: Any) -> None:
        await self._pass("extend_sessions", writes=True)
        await super().extend_sessions(expires_ms)

    async def devices(self, sessions: Sequence[int]) -> Any:
        self.reads += 1
        await self._pass("devices")
        return await super().devices(sessions)

    async def log_range(self, user: int, after: int, *, limit: int, bytes_max: int) -> Any:
        found = await super().log_range(user, after, limit=limit, bytes_max=bytes_max)
        await self._pass("log_range")
        return found

    async def log_sums(self, ranges: Any) -> Any:
        found = await super().log_sums(ranges)
        await self._pass("log_sums")
        return found

    async def history(self, *args: Any, **kwargs: Any) -> Any:
        found = await super().history(*args, **kwargs)
        await self._pass("history")
        return found

    async def conversation_infos(self, *args: Any, **kwargs: Any) -> Any:
        found = await super().conversation_infos(*args, **kwargs)
        await self._pass("conversation_infos")
        return found

    async def share_conversation(self, *args: Any, **kwargs: Any) -> Any:
        found = await super().share_conversation(*args, **kwargs)
        await self._pass("share_conversation")
        return found
