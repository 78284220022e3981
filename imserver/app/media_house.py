"""The media room on the server's store: its catalog and its uploaders."""

from collections.abc import AsyncIterable, Callable

from imserver.app.store_guard import StoreGuard
from imserver.media import (
    BlobInfo,
    BlobStore,
    MediaLimits,
    MediaService,
    Signer,
    UploadState,
    UploadTicket,
)
from imserver.storage.blobs import StoreCatalog
from imserver.storage.store import Store


class HouseCatalog(StoreCatalog[BlobInfo]):
    """The media room's catalog in the store."""

    def __init__(self, store: Store, guard: StoreGuard) -> None:
        super().__init__(store, BlobInfo)
        self._guard = guard

    async def put_blob(self, app: int, blob: BlobInfo) -> None:
        await self._guard.run(super().put_blob(app, blob))

    async def get_blob(self, app: int, sha256: bytes) -> BlobInfo | None:
        return await self._guard.run(super().get_blob(app, sha256))

    async def app_bytes(self, app: int) -> int:
        return await self._guard.run(super().app_bytes(app))


class HouseMedia(MediaService):
    """A `MediaService` that remembers who uploaded what before it says so.

    A client learns a blob's id only from an answer of these three, so nobody can post what is not noted
    yet; and whatever request is repeated after a crash notes it again.
    """

    def __init__(
        self,
        *,
        store: Store,
        guard: StoreGuard,
        blobs: BlobStore,
        signer: Signer,
        clock_ms: Callable[[], int],
        app_bytes_max: Callable[[int], int],
        limits: MediaLimits,
    ) -> None:
        super().__init__(
            blobs=blobs,
            catalog=HouseCatalog(store, guard),
            signer=signer,
            clock_ms=clock_ms,
            app_bytes_max=app_bytes_max,
            limits=limits,
        )
        # Names of its own: the base class has attributes too.
        self._uploads_in = store
        self._uploads_guard = guard

    async def create(self, ticket: UploadTicket) -> UploadState:
        return await self._noted(ticket, await super().create(ticket))

    async def state(self, ticket: UploadTicket) -> UploadState:
        return await self._noted(ticket, await super().state(ticket))

    async def write(
        self, ticket: UploadTicket, offset_bytes: int, chunks: AsyncIterable[bytes]
    ) -> UploadState:
        return await self._noted(ticket, await super().write(ticket, offset_bytes, chunks))

    async def _noted(self, ticket: UploadTicket, state: UploadState) -> UploadState:
        if state.blob is not None:
            media = [state.blob.sha256, *([state.blob.thumbnail] if state.blob.thumbnail else [])]
            users = await self._uploads_guard.run(self._uploads_in.ensure_users(ticket.app, [ticket.user]))
            await self._uploads_guard.run(self._uploads_in.note_upload(users[ticket.user], media))
        return state
