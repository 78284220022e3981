"""Framing: a varint length (LEB128, 1 to 3 bytes), then that many bytes. The same on every transport."""

from enum import Enum, auto
from typing import Final

from improtocol import limits
from improtocol.codes import Code
from improtocol.errors import LocalProtocolError, RemoteProtocolError


class NeedData(Enum):
    """No whole frame is there; feed more bytes."""

    NEED_DATA = auto()


NEED_DATA: Final = NeedData.NEED_DATA

_ONE_BYTE: Final = tuple(bytes((length,)) for length in range(128))


def frame_bytes(payload: bytes) -> bytes:
    """`payload` with its length before it.

    Raises:
        LocalProtocolError: empty, or larger than `limits.FRAME_BYTES_MAX`.
    """
    length = len(payload)
    if length < 128:
        if not length:
            raise LocalProtocolError("a frame must not be empty")
        return _ONE_BYTE[length] + payload
    if length > limits.FRAME_BYTES_MAX:
        raise LocalProtocolError(
            f"a frame may have at most {limits.FRAME_BYTES_MAX} bytes, not {length}", Code.FRAME_TOO_LARGE
        )
    if length < 1 << 14:
        return bytes((length & 0x7F | 0x80, length >> 7)) + payload
    return bytes((length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14)) + payload


class FrameBuffer:
    """Cuts a byte stream into frames; holds one incomplete frame and what one read brought at most.

    `empty` is True while nothing is held.
    """

    __slots__ = ("_data", "_offset", "bytes_max", "empty")

    def __init__(self, bytes_max: int = limits.FRAME_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self._data: bytes | bytearray = b""
        self._offset = 0
        self.empty = True

    def __len__(self) -> int:
        """Bytes received and not yet taken."""
        return len(self._data) - self._offset

    def feed(self, data: bytes) -> None:
        """Append what was read from the transport."""
        held = self._data
        if self._offset == len(held):
            self._data = data
        elif type(held) is bytearray:
            # Grows in place, or a large frame that comes in small pieces would be copied once for each of
            # them.
            del held[: self._offset]
            held += data
        else:
            self._data = bytearray(memoryview(held)[self._offset :])
            self._data += data
        self._offset = 0
        self.empty = not self._data

    def take(self) -> bytes | None:
        """The next whole frame's payload, or None when more bytes are needed.

        Raises:
            RemoteProtocolError: an empty frame, a length over `bytes_max` (said before the bytes are there),
                or a length not in its shortest form.
        """
        data, offset = self._data, self._offset
        end = len(data)
        if offset == end:
            return None
        length = data[offset]
        offset += 1
        if length & 0x80:
            length &= 0x7F
            for shift in (7, 14):
                if offset == end:
                    return None
                byte = data[offset]
                offset += 1
                length |= (byte & 0x7F) << shift
                if not byte & 0x80:
                    if not byte:
                        raise RemoteProtocolError("a frame's length must be in its shortest form")
                    break
            else:
                raise RemoteProtocolError(
                    f"a frame's length has at most {limits.LENGTH_PREFIX_BYTES_MAX} bytes"
                )
        if not length:
            raise RemoteProtocolError("a frame must not be empty")
        if length > self.bytes_max:
            raise RemoteProtocolError(
                f"a frame may have at most {self.bytes_max} bytes here, not {length}", Code.FRAME_TOO_LARGE
            )
        stop = offset + length
        if stop > end:
            return None
        if stop == end:
            self._data = b""
            self._offset = 0
            self.empty = True
        else:
            self._offset = stop
        if type(data) is bytes:
            return data[offset:stop]
        return bytes(memoryview(data)[offset:stop])  # a slice would be a copy on the way to another
