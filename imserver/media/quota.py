"""Each app's media quota: bytes in the catalog plus bytes promised to open uploads never exceed it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from imserver.media.catalog import BlobInfo, Catalog
from imserver.media.errors import MediaBusy, QuotaExceeded


@dataclass(slots=True)
class _App:
    reserved: dict[str, int] = field(default_factory=dict)
    #: Held from asking the catalog to acting on its answer. One app's slow catalog call does not hold up
    #: another's.
    lock: trio.Lock = field(default_factory=trio.Lock)


class Quota:
    """Reserves room when an upload begins, so that uploads side by side cannot overshoot together."""

    def __init__(self, catalog: Catalog, app_bytes_max: Callable[[int], int], uploads_open_max: int) -> None:
        """Nothing is promised yet.

        Args:
            catalog: knows what is used.
            app_bytes_max: the quota of an app, in bytes.
            uploads_open_max: reservations per app.
        """
        self._catalog = catalog
        self._app_bytes_max = app_bytes_max
        self._uploads_open_max = uploads_open_max
        self._apps: dict[int, _App] = {}

    async def reserve(self, app: int, upload_id: str, size_bytes: int) -> None:
        """Promise room to the upload; a repeat for the same upload changes nothing.

        Raises:
            QuotaExceeded: there is no room.
            MediaBusy: the app has too many open uploads.
        """
        state = self._app(app)
        async with state.lock:
            used_bytes = await self._catalog.app_bytes(app)
            if upload_id in state.reserved:
                return
            room_bytes = self._app_bytes_max(app) - used_bytes - sum(state.reserved.values())
            if size_bytes > room_bytes:
                raise QuotaExceeded(
                    f"{size_bytes} bytes wanted, {max(0, room_bytes)} left of the app's media quota"
                )
            if len(state.reserved) >= self._uploads_open_max:
                raise MediaBusy("the app has too many unfinished uploads")
            state.reserved[upload_id] = size_bytes

    def restore(self, app: int, upload_id: str, size_bytes: int) -> None:
        """After a restart: promise again what was promised before, without asking."""
        self._app(app).reserved[upload_id] = size_bytes

    def release(self, app: int, upload_id: str) -> None:
        """Take the promise back; not an error if there is none."""
        self._app(app).reserved.pop(upload_id, None)

    async def settle(self, app: int, upload_id: str, blobs: list[BlobInfo]) -> None:
        """Turn the promise into catalog entries: what counts is at no moment counted less than once."""
        async with self._app(app).lock:
            for blob in blobs:
                await self._catalog.put_blob(app, blob)
            self.release(app, upload_id)

    def reserved_bytes(self, app: int) -> int:
        """What is promised to open uploads."""
        return sum(self._app(app).reserved.values())

    def _app(self, app: int) -> _App:
        return self._apps.setdefault(app, _App())
