"""What devices upload and send: a picture, a voice clip, a video. Of noise: nothing can make it smaller."""

import hashlib
import random
import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from improtocol.content import Media

SIDE_PIXELS: Final = 64
VOICE_MS: Final = 3_000
VIDEO_MS: Final = 2_000


@dataclass(frozen=True)
class Blob:
    """A file, always the same, and the type a server must take it for."""

    name: str
    mime: str
    data: bytes

    @cached_property
    def media(self) -> Media:
        """As messages name it."""
        return Media(id=hashlib.sha256(self.data).digest(), size=len(self.data), mime=self.mime)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png() -> bytes:
    """A PNG of 64 x 64 pixels in 8-bit RGB (W3C PNG specification), about 12 KiB."""
    rng = random.Random("imload picture")
    rows = b"".join(b"\0" + rng.randbytes(3 * SIDE_PIXELS) for _ in range(SIDE_PIXELS))
    head = struct.pack(">IIBBBBB", SIDE_PIXELS, SIDE_PIXELS, 8, 2, 0, 0, 0)
    parts = _chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(rows, 0)), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _wav() -> bytes:
    """A WAV of 3 s, 8 bits at 8 kHz (Microsoft's RIFF specification, 1991), about 23 KiB."""
    rate = 8_000
    sound = random.Random("imload voice").randbytes(rate * VOICE_MS // 1000)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate, 1, 8)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(sound)) + sound
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


def _mp4() -> bytes:
    """An MP4 that says it lasts 2 s (ISO/IEC 14496-12), about 64 KiB. Nothing would play it."""
    header = struct.pack(">4xIIII", 0, 0, 1000, VIDEO_MS).ljust(100, b"\0")
    parts = (
        _box(b"ftyp", b"isom\0\0\2\0isom"),
        _box(b"moov", _box(b"mvhd", header)),
        _box(b"mdat", random.Random("imload video").randbytes(64 * 1024)),
    )
    return b"".join(parts)


PICTURE: Final = Blob("imload.png", "image/png", _png())
VOICE: Final = Blob("imload.wav", "audio/wav", _wav())
VIDEO: Final = Blob("imload.mp4", "video/mp4", _mp4())
