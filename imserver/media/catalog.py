"""What each app's blobs are: the page between the media room and whatever remembers it durably."""

from dataclasses import dataclass
from typing import Protocol

from imserver.media.limits import SHA256_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobInfo:
    """One blob as the server found it by decoding, never as its sender claimed.

    `width` and `height` are in pixels as shown (EXIF orientation applied) and 0 when unknown. `thumbnail` is
    the SHA-256 of a small picture that is a blob of its own. `created_ms` is wall time and for people only.
    """

    sha256: bytes
    size_bytes: int
    mime: str
    width: int = 0
    height: int = 0
    duration_ms: int | None = None
    thumbnail: bytes | None = None
    created_ms: int = 0

    def __post_init__(self) -> None:
        assert len(self.sha256) == SHA256_BYTES
        assert self.thumbnail is None or len(self.thumbnail) == SHA256_BYTES


class Catalog(Protocol):
    """Remembers durably which blobs an app has. Apps never see each other's entries."""

    async def put_blob(self, app: int, blob: BlobInfo) -> None:
        """Enter a blob, durably on return. An entry that is there already stays as it is."""
        ...

    async def get_blob(self, app: int, sha256: bytes) -> BlobInfo | None:
        """The app's entry for this content, or None."""
        ...

    async def app_bytes(self, app: int) -> int:
        """The sum of the sizes of the app's entries, each content counted once."""
        ...
