"""The one picture that devices upload and send: noise, so that nothing on its way gets smaller."""

import hashlib
import random
import struct
import zlib
from typing import Final

from improtocol.content import Media

SIDE_PIXELS: Final = 64


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png() -> bytes:
    """A PNG of 64 x 64 pixels in 8-bit RGB (W3C PNG specification), about 12 KiB, always the same."""
    rng = random.Random("imload picture")
    rows = b"".join(b"\0" + rng.randbytes(3 * SIDE_PIXELS) for _ in range(SIDE_PIXELS))
    head = struct.pack(">IIBBBBB", SIDE_PIXELS, SIDE_PIXELS, 8, 2, 0, 0, 0)
    parts = _chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(rows, 0)), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


PNG: Final = _png()
MIME: Final = "image/png"
MEDIA: Final = Media(id=hashlib.sha256(PNG).digest(), size=len(PNG), mime=MIME)
