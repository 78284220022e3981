"""The front door of the media room: tickets, quota, uploads that resume, blobs that are what they say."""

from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Final

import trio

from imserver.media.catalog import BlobInfo, Catalog
from imserver.media.completion import Completion
from imserver.media.errors import (
    BlobNotFound,
    MediaBroken,
    MediaError,
    MediaRefused,
    OffsetConflict,
    UploadNotFound,
    UploadSuperseded,
)
from imserver.media.fail_stop import FailStop
from imserver.media.limits import MediaLimits
from imserver.media.quota import Quota
from imserver.media.receiving import receive
from imserver.media.store import BlobStore, Staged, UploadMeta
from imserver.media.ticket_office import TicketOffice
from imserver.media.tickets import ORIGINAL, THUMBNAIL, Signer, UploadTicket
from imserver.media.turns import Turns
from imserver.media.workers import ThreadWorkers, Workers

#: One decode at a time: it is what takes memory, up to 4 bytes a pixel.
_DECODERS_MAX: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadState:
    """How far an upload is; `blob` is set once it is finished."""

    id: str
    size_bytes: int
    offset_bytes: int
    expires_ms: int
    blob: BlobInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaStatistics:
    """What is under way."""

    uploads_active: int


class MediaService:
    """Ties tickets, quota, store, inspection and catalog together.

    Whatever request is cut off at whatever point, the same request again goes on: every step is idempotent,
    and the state is read from the store each time. After `MediaBroken` everything is refused with that error;
    see `wait_broken`.
    """

    def __init__(
        self,
        *,
        blobs: BlobStore,
        catalog: Catalog,
        signer: Signer,
        clock_ms: Callable[[], int],
        app_bytes_max: Callable[[int], int],
        limits: MediaLimits | None = None,
        workers: Workers | None = None,
    ) -> None:
        """Call `recover` before anything else.

        Args:
            blobs: where the bytes go.
            catalog: remembers what each app has.
            signer: makes and checks tickets.
            clock_ms: wall time in milliseconds since 1970.
            app_bytes_max: an app's media quota in bytes.
            limits: the defaults if None.
            workers: where images are decoded; a thread if None.
        """
        self.limits = limits or MediaLimits()
        self._blobs = blobs
        self._catalog = catalog
        #: For the core, which knows who may what.
        self.tickets = TicketOffice(signer, self.limits, clock_ms)
        self._clock_ms = clock_ms
        self._quota = Quota(catalog, app_bytes_max, self.limits.uploads_open_max)
        self._turns = Turns(self.limits.uploads_active_max)
        self._completion = Completion(
            blobs, catalog, self._quota, workers or ThreadWorkers(_DECODERS_MAX), self.limits
        )
        self._store = FailStop()

    # Life ------------------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """Call once at start, before any upload: promises the room again that open uploads were promised."""
        with self._store.watched():
            for staged in await self._blobs.uploads():
                if not staged.ended or await self._unentered(staged):
                    self._quota.restore(staged.meta.app, staged.id, staged.meta.size_bytes)

    async def sweep(self) -> int:
        """Abandon uploads whose time is over, and return how many. Call it about hourly.

        Finished ones are forgotten too; their blobs stay. One that somebody works on is left to the next
        sweep.
        """
        with self._store.watched():
            swept = 0
            for staged in await self._blobs.uploads():
                if self._expires_ms(staged.meta) > self._clock_ms() or self._turns.active(staged.id):
                    continue
                with suppress(UploadSuperseded):
                    async with self._turns.take_idle(staged.id):
                        if await self._unentered(staged):
                            await self._completion.complete(staged)
                        await self._forget(staged.meta.app, staged.id)
                        swept += 1
            return swept

    async def wait_broken(self) -> MediaBroken:
        """Return once the store has failed; the caller then stops the process."""
        return await self._store.wait()

    @property
    def broken(self) -> MediaBroken | None:
        """The failure of the store, if it has failed."""
        return self._store.broken

    def statistics(self) -> MediaStatistics:
        """What is under way."""
        return MediaStatistics(uploads_active=len(self._turns))

    # Uploads ---------------------------------------------------------------------------------------------

    async def create(self, ticket: UploadTicket) -> UploadState:
        """Begin the ticket's upload, or find it as it is if it was begun before (a lost answer).

        Raises:
            QuotaExceeded: the app has no room. Nothing was accepted.
            MediaBusy: too many uploads.
            UploadNotFound: the upload id is somebody else's.
            MediaRefused: the upload has ended, its content was refused.
        """
        with self._store.watched():
            async with self._turn(ticket):
                try:
                    return await self._settled(await self._owned(ticket))
                except UploadNotFound:
                    pass
                # Shielded: cut off in between, the promise of room would stay without an upload.
                with trio.CancelScope(shield=True):
                    staged = await self._begin(ticket)
                return await self._settled(self._mine(ticket, staged))

    async def state(self, ticket: UploadTicket) -> UploadState:
        """How far the upload is, durably.

        Takes it over from a request that hangs, and completes an upload that has all its bytes.

        Raises:
            UploadNotFound, MediaRefused: see `create`.
        """
        with self._store.watched():
            async with self._turn(ticket):
                return await self._settled(await self._owned(ticket))

    async def write(
        self, ticket: UploadTicket, offset_bytes: int, chunks: AsyncIterable[bytes]
    ) -> UploadState:
        """Append what comes, durable in steps, and complete the upload when the last byte is there.

        Whatever ends the stream early (an exception of `chunks`, a newer request, cancellation), what arrived
        is kept.

        Raises:
            OffsetConflict: `offset_bytes` is not the durable offset; it carries the right one.
            TooLarge: more bytes came than were declared; the declared ones are kept.
            UploadSuperseded: a newer request took over.
            UploadNotFound, MediaRefused: see `create`.
        """
        with self._store.watched():
            async with self._turn(ticket):
                staged = await self._owned(ticket)
                if offset_bytes != staged.offset_bytes:
                    raise OffsetConflict(staged.offset_bytes)
                await receive(self._blobs, staged, chunks, self.limits.append_bytes)
                return await self._settled(await self._blobs.staged(staged.id))

    async def abandon(self, ticket: UploadTicket) -> None:
        """Forget the upload and free its room; a blob that came of it stays.

        Raises:
            UploadNotFound: see `create`.
        """
        with self._store.watched():
            async with self._turn(ticket):
                await self._owned(ticket)
                await self._forget(ticket.app, ticket.upload_id)

    # Blobs -------------------------------------------------------------------------------------------------

    async def find(self, app: int, sha256: bytes, variant: str = ORIGINAL) -> BlobInfo:
        """The app's blob, or its thumbnail.

        Raises:
            BlobNotFound: the app has no such blob, or it has no thumbnail.
        """
        info = await self._catalog.get_blob(app, sha256)
        if info is not None and variant == THUMBNAIL:
            info = await self._catalog.get_blob(app, info.thumbnail) if info.thumbnail else None
        if info is None:
            raise BlobNotFound(sha256.hex())
        return info

    async def read(self, info: BlobInfo, start: int, length: int) -> bytes:
        """Bytes of a blob that `find` returned, at most `limits.read_bytes` of them.

        Raises:
            BlobNotFound: it was deleted meanwhile.
        """
        with self._store.watched():
            return await self._blobs.read(info.sha256, start, min(length, self.limits.read_bytes))

    # Steps -------------------------------------------------------------------------------------------------

    def _turn(self, ticket: UploadTicket) -> AbstractAsyncContextManager[None]:
        return self._turns.take(ticket.upload_id, ticket.app, ticket.user)

    async def _begin(self, ticket: UploadTicket) -> Staged:
        await self._quota.reserve(ticket.app, ticket.upload_id, ticket.size_bytes)
        meta = UploadMeta(
            app=ticket.app,
            user=ticket.user,
            size_bytes=ticket.size_bytes,
            mime=ticket.mime,
            name=ticket.name,
            created_ms=self._clock_ms(),
        )
        try:
            return await self._blobs.stage(ticket.upload_id, meta)
        except MediaError:
            await self._forget(ticket.app, ticket.upload_id)  # some of it may be there
            raise

    async def _forget(self, app: int, upload_id: str) -> None:
        """Drop the upload, then take back the promise of room: never an upload without one."""
        await self._blobs.abandon(upload_id)
        self._quota.release(app, upload_id)

    async def _unentered(self, staged: Staged) -> bool:
        """Whether it is a blob that no catalog counts: killed in between, and nobody asked for it again."""
        return staged.sha256 is not None and (
            await self._catalog.get_blob(staged.meta.app, staged.sha256) is None
        )

    async def _owned(self, ticket: UploadTicket) -> Staged:
        try:
            staged = await self._blobs.staged(ticket.upload_id)
        except UploadNotFound:
            self._quota.release(ticket.app, ticket.upload_id)  # it may have been dropped as damaged
            raise
        return self._mine(ticket, staged)

    def _mine(self, ticket: UploadTicket, staged: Staged) -> Staged:
        """The upload, if it is the ticket's: a foreign one looks like none."""
        meta = staged.meta
        if (meta.app, meta.user, meta.size_bytes) != (ticket.app, ticket.user, ticket.size_bytes):
            raise UploadNotFound(ticket.upload_id)
        return staged

    async def _settled(self, staged: Staged) -> UploadState:
        """The upload's state after doing whatever is still to be done for it, also what a crash cut short."""
        if staged.refusal is not None:
            raise MediaRefused(staged.refusal)
        blob = None
        if staged.offset_bytes == staged.meta.size_bytes:
            with trio.CancelScope(shield=True):
                blob = await self._completion.complete(staged)
        return UploadState(
            id=staged.id,
            size_bytes=staged.meta.size_bytes,
            offset_bytes=staged.offset_bytes,
            expires_ms=self._expires_ms(staged.meta),
            blob=blob,
        )

    def _expires_ms(self, meta: UploadMeta) -> int:
        return meta.created_ms + self.limits.upload_ms_max
