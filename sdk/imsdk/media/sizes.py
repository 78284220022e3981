"""Width and height of PNG, JPEG, GIF and WebP pictures from their headers. Nothing is decoded.

For drafts on devices without Pillow, and for the fake server. The real server decodes what it is sent, so a
picture that lies here deceives only its sender.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Start-of-frame markers of JPEG (ITU T.81, table B.1): C0-CF without DHT (C4), JPG (C8) and DAC (CC).
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: JPEG markers without a length: TEM, RST0-7, SOI.
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
#: Exif orientations that turn the picture by a quarter (CIPA DC-008, tag 0x0112).
_TURNED: Final = frozenset({5, 6, 7, 8})


@dataclass(frozen=True, slots=True)
class PictureSize:
    """Type and size in pixels of a picture as shown: a turned photograph's sides are exchanged."""

    mime: str
    width: int
    height: int


def read_size(data: bytes) -> PictureSize | None:
    """The size of the picture that `data` begins with, or None if it is none of the four kinds or damaged."""
    found = None
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            found = PictureSize("image/png", _big(data[16:20], 4), _big(data[20:24], 4))
        elif data[:6] in {b"GIF87a", b"GIF89a"}:
            found = PictureSize("image/gif", _little(data[6:8], 2), _little(data[8:10], 2))
        elif data.startswith(b"\xff\xd8\xff"):
            found = _jpeg(data)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            found = _webp(data)
    except ValueError:
        return None
    return found if found is not None and found.width > 0 and found.height > 0 else None


def _big(data: bytes, count: int) -> int:
    if len(data) < count:
        raise ValueError("the header is cut short")
    return int.from_bytes(data[:count], "big")


def _little(data: bytes, count: int) -> int:
    if len(data) < count:
        raise ValueError("the header is cut short")
    return int.from_bytes(data[:count], "little")


def _jpeg(data: bytes) -> PictureSize | None:
    turned = False
    for marker, segment in _jpeg_segments(data):
        if marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            turned = _orientation(segment[6:]) in _TURNED
        elif marker in _JPEG_FRAMES:
            height, width = _big(segment[1:3], 2), _big(segment[3:5], 2)
            return PictureSize("image/jpeg", *((height, width) if turned else (width, height)))
    return None


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and their contents, up to the picture's data."""
    offset = 2
    while offset + 4 <= len(data) and data[offset] == 0xFF:
        marker = data[offset + 1]
        if marker == 0xFF:  # a fill byte
            offset += 1
        elif marker in _JPEG_BARE:
            offset += 2
        elif marker == 0xDA:
            return
        else:
            length = _big(data[offset + 2 : offset + 4], 2)
            if length < 2:
                raise ValueError("a segment shorter than its own length")
            yield marker, data[offset + 4 : offset + 2 + length]
            offset += 2 + length


def _orientation(tiff: bytes) -> int:
    """The orientation tag of the first image file directory (TIFF 6.0, section 2), 1 if there is none."""
    if tiff[:2] not in {b"II", b"MM"}:
        return 1
    read = _little if tiff[:2] == b"II" else _big
    directory = read(tiff[4:8], 4)
    for index in range(read(tiff[directory : directory + 2], 2)):
        entry = tiff[directory + 2 + 12 * index :][:12]
        if len(entry) < 12:
            return 1
        if read(entry[:2], 2) == 0x0112:
            return read(entry[8:10], 2)
    return 1


def _webp(data: bytes) -> PictureSize | None:
    """The three forms of WebP (RFC 9649, 2.5 to 2.7)."""
    form = data[12:16]
    if form == b"VP8X":
        return PictureSize("image/webp", _little(data[24:27], 3) + 1, _little(data[27:30], 3) + 1)
    if form == b"VP8L" and data[20:21] == b"\x2f":
        bits = _little(data[21:25], 4)
        return PictureSize("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if form == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = _little(data[26:28], 2) & 0x3FFF, _little(data[28:30], 2) & 0x3FFF
        return PictureSize("image/webp", width, height)
    return None
