"""Decides what an upload really is. Blocks: for worker threads."""

from dataclasses import dataclass
from typing import BinaryIO, Final

from improtocol.limits import DURATION_MS_MAX
from imserver.media.containers import SAFE_TYPES, recognise
from imserver.media.errors import MediaRefused
from imserver.media.limits import MediaLimits
from imserver.media.pictures import IMAGE_TYPES, Thumbnail, decode, looks_like_image

#: What everything is that was not recognised: HTML and SVG too, which must never be shown by a browser from
#: our origin.
OPAQUE_TYPE: Final = "application/octet-stream"
#: The only types that may be shown in place. All of them come from decoding or recognising, none from a
#: claim.
INLINE_TYPES: Final = IMAGE_TYPES | SAFE_TYPES

_SAME_TYPE: Final = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """What an upload is, as found; see `BlobInfo` for the fields.

    Checked here, before the content becomes a blob: what no catalog can hold must not fail after that.
    """

    mime: str
    width: int = 0
    height: int = 0
    duration_ms: int | None = None
    thumbnail: Thumbnail | None = None

    def __post_init__(self) -> None:
        assert self.duration_ms is None or 0 <= self.duration_ms <= DURATION_MS_MAX


def inspect(file: BinaryIO, size_bytes: int, claimed_mime: str, limits: MediaLimits) -> Inspected:
    """Find out what the content is.

    A file that claims to be an image we know must decode to its last pixel. An image that is damaged but was
    not sent as one (somebody forwards a broken download as a file) is a plain file.

    Raises:
        MediaRefused: it claims to be an image and is not a sound one.
        OSError: the file could not be read; its `errno` is set.
    """
    claimed = claimed_mime.partition(";")[0].strip().lower()
    must_be_image = _SAME_TYPE.get(claimed, claimed) in IMAGE_TYPES
    file.seek(0)
    if looks_like_image(file.read(16)):
        try:
            picture = decode(file, limits)
        except MediaRefused:
            if must_be_image:
                raise
            return Inspected(mime=OPAQUE_TYPE)
        return Inspected(
            mime=picture.mime, width=picture.width, height=picture.height, thumbnail=picture.thumbnail
        )
    if must_be_image:
        raise MediaRefused(f"sent as {claimed}, but the content is no JPEG, PNG, WebP or GIF image")
    container = recognise(file, size_bytes)
    if container is None:
        return Inspected(mime=OPAQUE_TYPE)
    return Inspected(mime=container.mime, duration_ms=container.duration_ms)
