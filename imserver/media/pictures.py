"""Real decoding of images with Pillow, and thumbnails.

Everything here blocks and takes memory: for worker threads.
"""

import io
import warnings
from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image, ImageOps
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from imserver.media.errors import MediaRefused
from imserver.media.limits import MediaLimits

#: What may be opened. Importing the plugins also registers them with Pillow.
_FORMATS: Final = (JpegImageFile.format, PngImageFile.format, WebPImageFile.format, GifImageFile.format)
#: Pillow's name of a format and the type it is served as.
_TYPES: Final = {
    JpegImageFile.format: "image/jpeg",
    # What Pillow calls a JPEG with more pictures behind the first one, as some phones make it.
    "MPO": "image/jpeg",
    PngImageFile.format: "image/png",
    WebPImageFile.format: "image/webp",
    GifImageFile.format: "image/gif",
}
IMAGE_TYPES: Final = frozenset(_TYPES.values())
_JPEG_QUALITY: Final = 80

# Once for the process: `warnings.catch_warnings` swaps global state and is not safe on worker threads.
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small picture, ready to be stored."""

    data: bytes
    mime: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What an image is; sides in pixels as shown."""

    mime: str
    width: int
    height: int
    thumbnail: Thumbnail


def looks_like_image(head: bytes) -> bool:
    """Whether the first bytes are the signature of a format that `decode` knows."""
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))


def decode(file: BinaryIO, limits: MediaLimits) -> Picture:
    """Decode the image to its last pixel and make its thumbnail.

    Of an animation the first frame is decoded.

    Raises:
        MediaRefused: it is no image of a known format, is truncated or damaged, or has too many pixels.
        OSError: the file could not be read; its `errno` is set.
    """
    try:
        _check_structure(file, limits)
        file.seek(0)
        with Image.open(file, formats=_FORMATS) as image:
            mime = _TYPES[image.format or ""]
            side = limits.thumbnail_side_px_max
            width, height = image.size
            if mime == "image/jpeg":
                # libjpeg decodes straight to an eighth: a 50-megapixel photo then takes 2 MB instead of 150.
                # It still reads the stream to its end, so a truncated file is found out.
                image.draft("RGB", (2 * side, 2 * side))
            image.load()
            if image.getexif().get(0x0112, 1) in {5, 6, 7, 8}:  # EXIF orientation: turned by 90 degrees
                width, height = height, width
            return Picture(mime=mime, width=width, height=height, thumbnail=_thumbnail(image, side))
    except MediaRefused:
        raise
    except OSError as error:
        if error.errno is not None:  # the disk's fault; Pillow's own OSErrors carry no number
            raise
        raise MediaRefused(f"the image cannot be decoded: {error}") from error
    except Exception as error:  # Pillow's plugins let almost anything out of damaged files
        raise MediaRefused(f"the image cannot be decoded: {error}") from error


def _check_structure(file: BinaryIO, limits: MediaLimits) -> None:
    """Check the size before memory is taken for it, and the checksums of a PNG."""
    file.seek(0)
    with Image.open(file, formats=_FORMATS) as image:
        if image.width * image.height > limits.image_pixels_max:
            raise MediaRefused(
                f"the image has {image.width} x {image.height} pixels, {limits.image_pixels_max} are allowed"
            )
        image.verify()


def _thumbnail(image: Image.Image, side: int) -> Thumbnail:
    small: Image.Image = ImageOps.exif_transpose(image)
    if small.mode == "P":
        small.thumbnail((4 * side, 4 * side), Image.Resampling.NEAREST)  # bounds the memory of the conversion
    transparent = small.has_transparency_data
    small = small.convert("RGBA" if transparent else "RGB")
    small.thumbnail((side, side))
    small.info.clear()  # comments, profiles and what else a camera or its owner wrote stay with the original
    out = io.BytesIO()
    if transparent:
        small.save(out, "PNG", optimize=True)
    else:
        small.save(out, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    mime = "image/png" if transparent else "image/jpeg"
    return Thumbnail(data=out.getvalue(), mime=mime, width=small.width, height=small.height)
