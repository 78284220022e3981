"""The page of the blob store: staged uploads that grow, and content-addressed blobs that never change."""

from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadMeta:
    """What an upload's ticket declared; kept beside its bytes. `created_ms` is wall time."""

    app: int
    user: str
    size_bytes: int
    mime: str
    name: str
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A staged upload: how far it is durable, and how it ended if it did.

    `sha256` is set once its content is a blob, `refusal` once it was turned down; at most one of them is.
    """

    id: str
    meta: UploadMeta
    offset_bytes: int
    sha256: bytes | None = None
    refusal: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the upload has its outcome and takes no more bytes."""
        return self.sha256 is not None or self.refusal is not None


class BlobStore(Protocol):
    """Where the bytes are.

    An upload has one writer at a time (`MediaService` sees to it); blobs have any number of readers.

    Guarantees of every implementation:
    - What a method reported survives a SIGKILL at any moment; on disk also a power cut.
    - A blob appears whole or not at all, under the SHA-256 of its bytes; the same content twice is one blob.

    Every method may raise `OutOfSpace` and `MediaBusy` (nothing durable is lost, try again) and `MediaBroken`
    (stop). Those that take an upload id raise `UploadNotFound`, those that take a SHA-256 `BlobNotFound`,
    unless they say otherwise. An upload whose files are damaged is dropped, and is then not found.
    """

    async def stage(self, upload_id: str, meta: UploadMeta) -> Staged:
        """Begin an upload; one that is there already is returned as it is, whatever its meta."""
        ...

    async def staged(self, upload_id: str) -> Staged:
        """The upload with its durable offset."""
        ...

    async def append(self, upload_id: str, offset_bytes: int, data: bytes) -> int:
        """Write `data` at the durable offset and return the new durable offset.

        Raises:
            OffsetConflict: `offset_bytes` is not the durable offset, or the upload has ended.
            TooLarge: the upload would grow beyond its declared size.
        """
        ...

    async def publish(self, upload_id: str) -> bytes:
        """Make the complete upload a blob and return its SHA-256.

        Idempotent, and finishes what a crash cut short.

        Raises:
            OffsetConflict: bytes are missing, or it was refused.
        """
        ...

    async def refuse(self, upload_id: str, reason: str) -> None:
        """End the upload without a blob: its bytes go, the reason stays until it is abandoned."""
        ...

    async def abandon(self, upload_id: str) -> None:
        """Forget the upload; a blob that came of it stays. Not an error if there is none."""
        ...

    async def uploads(self) -> list[Staged]:
        """All uploads, ended ones included."""
        ...

    async def put(self, data: bytes) -> bytes:
        """Store a small blob in one step (a thumbnail) and return its SHA-256."""
        ...

    async def size(self, sha256: bytes) -> int:
        """The blob's size in bytes."""
        ...

    async def read(self, sha256: bytes, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`, less only at the end of the blob."""
        ...

    async def delete(self, sha256: bytes) -> None:
        """Remove the blob. Not an error if there is none. The caller knows that nobody needs it."""
        ...

    async def verify(self, sha256: bytes) -> bool:
        """Whether the stored bytes still have this SHA-256; reads all of them."""
        ...

    def open_staged(self, upload_id: str) -> BinaryIO:
        """The upload's bytes, seekable; the caller closes it. Blocks: for worker threads only."""
        ...

    def open_blob(self, sha256: bytes) -> BinaryIO:
        """The blob, seekable; the caller closes it. Blocks: for worker threads only."""
        ...
