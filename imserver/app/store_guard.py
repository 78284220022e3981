"""Between the media and HTTP rooms and the store: its errors in their words, none overlooked."""

from collections.abc import Awaitable
from typing import TypeVar

import trio

from imserver.media import MediaBroken, OutOfSpace
from imserver.storage.store import StoreBroken, StoreFull

T = TypeVar("T")


class StoreGuard:
    """Awaits calls of the store for rooms that answer errors instead of passing them on."""

    def __init__(self) -> None:
        self._broke = trio.Event()
        self._error: StoreBroken | None = None

    async def run(self, work: Awaitable[T]) -> T:
        """Await the store.

        Raises:
            OutOfSpace: the disk is full.
            MediaBroken: the store is broken; `wait_broken` returns.
        """
        try:
            return await work
        except StoreFull as error:
            raise OutOfSpace("no space left") from error
        except StoreBroken as error:
            self._error = error
            self._broke.set()
            raise MediaBroken(str(error)) from error

    async def wait_broken(self) -> StoreBroken:
        """Return once a guarded call has found the store broken. The caller ends the process (G7)."""
        await self._broke.wait()
        assert self._error is not None
        return self._error
