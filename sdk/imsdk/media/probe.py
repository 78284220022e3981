"""What a draft tells about itself: a picture's type and sides, a WAV clip's length."""

import warnings
import wave
from pathlib import Path

from imsdk.media.sizes import PictureSize, read_size
from imsdk.media_interface import Fact


def picture_facts(path: Path, head: bytes) -> tuple[str, dict[str, Fact]]:
    """Type, and `width` and `height` in pixels as shown, of a picture file that begins with `head`.

    Raises:
        ValueError: it is no picture of a known kind.
    """
    # Our own reader first: it reads a few numbers, where Pillow would load a decoder.
    size = read_size(head) or _by_pillow(path)
    if size is None:
        raise ValueError("this is no picture of a known kind (PNG, JPEG, GIF, WebP)")
    return size.mime, {"width": size.width, "height": size.height}


def sound_facts(path: Path) -> dict[str, Fact]:
    """The `duration_ms` of a WAV clip.

    Raises:
        ValueError: another kind, or damaged; the app must say the length.
    """
    try:
        with wave.open(str(path), "rb") as clip:
            return {"duration_ms": round(clip.getnframes() * 1000 / clip.getframerate())}
    except (wave.Error, EOFError, ZeroDivisionError) as error:
        raise ValueError(f"say duration_ms: only WAV clips tell their length ({error})") from None


def _by_pillow(path: Path) -> PictureSize | None:
    try:
        from PIL import ExifTags, Image
    except ImportError:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                mime = Image.MIME.get(picture.format or "", "")
                turned = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
                width, height = picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        return None
    if not mime.startswith("image/"):
        return None
    return PictureSize(mime, height, width) if turned else PictureSize(mime, width, height)
