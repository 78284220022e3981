"""A store that breaks or fills up when a test says so, and the media room on it."""

from imserver.app.media_house import HouseMedia
from imserver.app.store_guard import StoreGuard
from imserver.media import MediaLimits, Signer
from imserver.media.memory import MemoryBlobStore
from imserver.media.testing import KEY, NOW_MS
from imserver.storage.blobs import Blob
from imserver.storage.memory import MemoryStore
from imserver.storage.store import App, AppKey, StoreBroken, StoreFull


class FaultyStore(MemoryStore):
    """A memory store whose media and app tables fail once `fault` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: StoreBroken | StoreFull | None = None

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault

    async def put_blob(self, app: int, blob: Blob) -> None:
        self._check()
        await super().put_blob(app, blob)

    async def blob(self, app: int, sha256: bytes) -> Blob | None:
        self._check()
        return await super().blob(app, sha256)

    async def put_app(self, name: str, *, now_ms: int, media_bytes_max: int) -> App:
        self._check()
        return await super().put_app(name, now_ms=now_ms, media_bytes_max=media_bytes_max)

    async def put_key(self, key: AppKey) -> None:
        self._check()
        await super().put_key(key)


class MediaHouse:
    """The media room on a store, with everything in reach."""

    def __init__(self, *, quota_bytes: int = 10**9) -> None:
        self.store = FaultyStore()
        self.guard = StoreGuard()
        self.blobs = MemoryBlobStore()
        self.quota_bytes = quota_bytes
        self.media = HouseMedia(
            store=self.store,
            guard=self.guard,
            blobs=self.blobs,
            signer=Signer([KEY], lambda: NOW_MS),
            clock_ms=lambda: NOW_MS,
            app_bytes_max=lambda _app: self.quota_bytes,
            limits=MediaLimits(),
        )
