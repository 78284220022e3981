"""A blob store in memory: the reference for every other one, and inline, for simulated clocks."""

import hashlib
import io
from dataclasses import replace
from typing import BinaryIO

from imserver.media.errors import BlobNotFound, OffsetConflict, TooLarge, UploadNotFound
from imserver.media.store import Staged, UploadMeta


class MemoryBlobStore:
    """Keeps the promises of `BlobStore` but survival of the process."""

    def __init__(self) -> None:
        self._staged: dict[str, Staged] = {}
        self._bytes: dict[str, bytearray] = {}
        self._blobs: dict[bytes, bytes] = {}

    async def stage(self, upload_id: str, meta: UploadMeta) -> Staged:
        if upload_id not in self._staged:
            self._staged[upload_id] = Staged(id=upload_id, meta=meta, offset_bytes=0)
            self._bytes[upload_id] = bytearray()
        return self._staged[upload_id]

    async def staged(self, upload_id: str) -> Staged:
        try:
            return self._staged[upload_id]
        except KeyError:
            raise UploadNotFound(upload_id) from None

    async def append(self, upload_id: str, offset_bytes: int, data: bytes) -> int:
        staged = await self.staged(upload_id)
        if staged.ended or offset_bytes != staged.offset_bytes:
            raise OffsetConflict(staged.offset_bytes)
        if offset_bytes + len(data) > staged.meta.size_bytes:
            raise TooLarge(f"the upload was declared to have {staged.meta.size_bytes} bytes")
        self._bytes[upload_id] += data
        self._staged[upload_id] = replace(staged, offset_bytes=offset_bytes + len(data))
        return offset_bytes + len(data)

    async def publish(self, upload_id: str) -> bytes:
        staged = await self.staged(upload_id)
        if staged.sha256 is not None:
            return staged.sha256
        if staged.refusal is not None or staged.offset_bytes != staged.meta.size_bytes:
            raise OffsetConflict(staged.offset_bytes)
        sha256 = await self.put(bytes(self._bytes.pop(upload_id)))
        self._staged[upload_id] = replace(staged, sha256=sha256)
        return sha256

    async def refuse(self, upload_id: str, reason: str) -> None:
        staged = await self.staged(upload_id)
        self._bytes.pop(upload_id, None)
        self._staged[upload_id] = replace(staged, refusal=reason, offset_bytes=staged.meta.size_bytes)

    async def abandon(self, upload_id: str) -> None:
        self._staged.pop(upload_id, None)
        self._bytes.pop(upload_id, None)

    async def uploads(self) -> list[Staged]:
        return list(self._staged.values())

    async def put(self, data: bytes) -> bytes:
        sha256 = hashlib.sha256(data).digest()
        self._blobs[sha256] = data
        return sha256

    async def size(self, sha256: bytes) -> int:
        return len(self._blob(sha256))

    async def read(self, sha256: bytes, start: int, length: int) -> bytes:
        return self._blob(sha256)[start : start + length]

    async def delete(self, sha256: bytes) -> None:
        self._blobs.pop(sha256, None)

    async def verify(self, sha256: bytes) -> bool:
        return hashlib.sha256(self._blob(sha256)).digest() == sha256

    def open_staged(self, upload_id: str) -> BinaryIO:
        if upload_id not in self._bytes:
            raise UploadNotFound(upload_id)
        return io.BytesIO(self._bytes[upload_id])

    def open_blob(self, sha256: bytes) -> BinaryIO:
        return io.BytesIO(self._blob(sha256))

    def _blob(self, sha256: bytes) -> bytes:
        try:
            return self._blobs[sha256]
        except KeyError:
            raise BlobNotFound(sha256.hex()) from None
