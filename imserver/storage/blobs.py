"""What a store remembers of media: which blobs an app has, who uploaded them, which records show them.

The bytes are the media room's. `StoreCatalog` turns these calls into that room's catalog page, without
either room importing the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """One blob of an app, as the media room found it by decoding. Sides are in pixels, 0 when unknown."""

    sha256: bytes
    size_bytes: int
    mime: str
    width: int = 0
    height: int = 0
    duration_ms: int | None = None
    thumbnail: bytes | None = None
    created_ms: int = 0


class MediaIndex(Protocol):
    """The media part of `Store`; what is said there of reads, writes and errors holds here."""

    async def put_blob(self, app: int, blob: Blob) -> None:
        """Enter a blob; durable on return. An entry that is there already stays as it is."""

    async def blob(self, app: int, sha256: bytes) -> Blob | None:
        """The app's entry for this content."""

    async def app_bytes(self, app: int) -> int:
        """The sum of the sizes of an app's entries, each content counted once."""

    async def note_upload(self, user: int, media: Sequence[bytes]) -> None:
        """Remember that this user uploaded these blobs (ids are SHA-256), thumbnails included. Idempotent."""

    async def visible_media(self, user: int, media: Sequence[bytes]) -> set[bytes]:
        """Those of these blobs that the user uploaded or that a record he may see shows: what he may post."""

    async def record_shows(self, conversation: int, seq: int, media: bytes) -> bool:
        """Does this record show this blob? Not any more once it was recalled."""


class BlobLike(Protocol):
    """What an entry must offer to be kept: the fields of `Blob`, read-only."""

    @property
    def sha256(self) -> bytes: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def mime(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def duration_ms(self) -> int | None: ...
    @property
    def thumbnail(self) -> bytes | None: ...
    @property
    def created_ms(self) -> int: ...


B = TypeVar("B", bound=BlobLike)


class StoreCatalog(Generic[B]):
    """The media room's catalog, kept in a store: `StoreCatalog(store, BlobInfo)`."""

    def __init__(self, index: MediaIndex, make: Callable[..., B]) -> None:
        """Keep entries of the type that `make` builds.

        Args:
        index: where entries are kept.
        make: builds the media room's entry from the fields of `Blob` as keywords.
        """
        self._index = index
        self._make = make

    async def put_blob(self, app: int, blob: B) -> None:
        """See `MediaIndex.put_blob`."""
        await self._index.put_blob(
            app,
            Blob(
                sha256=blob.sha256,
                size_bytes=blob.size_bytes,
                mime=blob.mime,
                width=blob.width,
                height=blob.height,
                duration_ms=blob.duration_ms,
                thumbnail=blob.thumbnail,
                created_ms=blob.created_ms,
            ),
        )

    async def get_blob(self, app: int, sha256: bytes) -> B | None:
        """See `MediaIndex.blob`."""
        blob = await self._index.blob(app, sha256)
        if blob is None:
            return None
        return self._make(
            sha256=blob.sha256,
            size_bytes=blob.size_bytes,
            mime=blob.mime,
            width=blob.width,
            height=blob.height,
            duration_ms=blob.duration_ms,
            thumbnail=blob.thumbnail,
            created_ms=blob.created_ms,
        )

    async def app_bytes(self, app: int) -> int:
        """See `MediaIndex.app_bytes`."""
        return await self._index.app_bytes(app)
