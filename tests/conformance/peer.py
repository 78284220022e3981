"""WebSocket frames by hand: what no library would send."""

import os
import struct
from typing import NamedTuple

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(
    opcode: int,
    data: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x12\x34\x56\x78",
    length_bytes: int | None = None,
) -> bytes:
    """A client's frame.

    Args:
        opcode: 4 bits.
        data: the payload, masked here.
        fin: the last one of its message?
        rsv: the three reserved bits.
        mask: 4 bytes; None sends the frame unmasked, as only a server may.
        length_bytes: 0, 2 or 8 extended length bytes; None: as few as will do.
    """
    size = len(data)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    short = {0: size, 2: 126, 8: 127}[length_bytes]
    head = bytes((fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | short))
    head += {0: b"", 2: struct.pack(">H", size & 0xFFFF), 8: struct.pack(">Q", size)}[length_bytes]
    if mask is None:
        return head + data
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(data, "big") ^ key).to_bytes(size, "big")


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """A Close frame; None: without code."""
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


class Heard(NamedTuple):
    """A frame of the server's: always whole, never masked."""

    opcode: int
    data: bytes

    @property
    def close_code(self) -> int:
        """The code of a Close, 1005 when it has none."""
        assert self.opcode == CLOSE
        return int.from_bytes(self.data[:2], "big") if self.data else 1005


def parse(data: bytes) -> list[Heard]:
    """The server's frames in `data`, each held to what a server may send."""
    heard = []
    while data:
        assert data[0] & 0x80, "the server sends no fragments"
        assert not data[0] & 0x70, "no extension was agreed on"
        assert not data[1] & 0x80, "a server must not mask"
        size, begin = data[1], 2
        if size == 126:
            size, begin = struct.unpack_from(">H", data, 2)[0], 4
            assert size > 125, "the shortest length form must be used"
        elif size == 127:
            size, begin = struct.unpack_from(">Q", data, 2)[0], 10
            assert size > 65535, "the shortest length form must be used"
        assert len(data) >= begin + size, "the stream ends within a frame"
        heard.append(Heard(data[0] & 0xF, data[begin : begin + size]))
        data = data[begin + size :]
    return heard


def random_mask() -> bytes:
    """Four bytes, as a browser draws them."""
    return os.urandom(4)
