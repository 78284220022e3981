"""Turns an upload that has all its bytes into a blob with thumbnail and catalog entries."""

from typing import BinaryIO

from imserver.media.catalog import BlobInfo, Catalog
from imserver.media.durable_files import os_errors
from imserver.media.errors import BlobNotFound, MediaRefused
from imserver.media.inspect import Inspected, inspect
from imserver.media.limits import MediaLimits
from imserver.media.pictures import Thumbnail
from imserver.media.quota import Quota
from imserver.media.store import BlobStore, Staged, UploadMeta
from imserver.media.workers import Workers


class Completion:
    """The steps after the last byte; each is idempotent, so a repeat heals a crash between any two.

    Inspection comes before publishing: what is refused never becomes a blob, so refusing it cannot delete a
    blob that somebody else sent as something harmless.
    """

    def __init__(
        self, blobs: BlobStore, catalog: Catalog, quota: Quota, workers: Workers, limits: MediaLimits
    ) -> None:
        self._blobs = blobs
        self._catalog = catalog
        self._quota = quota
        self._workers = workers
        self._limits = limits

    async def complete(self, staged: Staged) -> BlobInfo:
        """Inspect, publish, enter into the catalog. Not to be cancelled half-way: the caller shields it.

        Raises:
            MediaRefused: the content is not what it claims; recorded, so that asking again gets the same
                answer.
        """
        app = staged.meta.app
        if staged.sha256 is not None:
            known = await self._catalog.get_blob(app, staged.sha256)
            if known is not None:
                return known
        try:
            seen = await self._workers.run(lambda: self._inspect(staged))
        except MediaRefused as refusal:
            await self._blobs.refuse(staged.id, str(refusal))
            self._quota.release(app, staged.id)
            raise
        sha256 = await self._blobs.publish(staged.id)
        thumbnail = await self._blobs.put(seen.thumbnail.data) if seen.thumbnail else None
        info = BlobInfo(
            sha256=sha256,
            size_bytes=staged.meta.size_bytes,
            mime=seen.mime,
            width=seen.width,
            height=seen.height,
            duration_ms=seen.duration_ms,
            thumbnail=thumbnail,
            created_ms=staged.meta.created_ms,
        )
        # The thumbnail goes first: an entry that names a thumbnail must find it.
        small = (
            [_thumbnail_info(thumbnail, seen.thumbnail, staged.meta)] if thumbnail and seen.thumbnail else []
        )
        await self._quota.settle(app, staged.id, [*small, info])
        return await self._catalog.get_blob(app, sha256) or info

    def _inspect(self, staged: Staged) -> Inspected:
        """In a worker: look at the staged bytes, or at the blob after a crash before the catalog entry."""
        with os_errors(), self._open(staged) as file:
            return inspect(file, staged.meta.size_bytes, staged.meta.mime, self._limits)

    def _open(self, staged: Staged) -> BinaryIO:
        if staged.sha256 is not None:
            try:
                return self._blobs.open_blob(staged.sha256)
            except BlobNotFound:
                pass  # sealed, but killed before it became a blob: the bytes are still staged
        return self._blobs.open_staged(staged.id)


def _thumbnail_info(sha256: bytes, thumbnail: Thumbnail, meta: UploadMeta) -> BlobInfo:
    return BlobInfo(
        sha256=sha256,
        size_bytes=len(thumbnail.data),
        mime=thumbnail.mime,
        width=thumbnail.width,
        height=thumbnail.height,
        created_ms=meta.created_ms,
    )
