"""The Range header of one request, as RFC 9110, section 14, has it."""

import re
from dataclasses import dataclass
from typing import Final

# At most 15 digits: enough for any blob, and no integer parsing of megabytes of digits.
_SINGLE: Final = re.compile(r"bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a representation; `length` is at least 1."""

    start: int
    length: int

    def content_range(self, size_bytes: int) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size_bytes}"


class RangeUnsatisfiable(Exception):
    """The range lies outside of the representation: answer 416."""


def parse_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """The part that is asked for, or None for the whole.

    A header that is absent, malformed, in another unit or asks for several ranges is answered with the whole,
    which the RFC allows (14.2: a server may ignore Range).

    Raises:
        RangeUnsatisfiable: it begins behind the end, or asks for the last 0 bytes.
    """
    match = _SINGLE.fullmatch(header) if header is not None else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size_bytes)
        if length == 0:
            raise RangeUnsatisfiable
        return ByteRange(size_bytes - length, length)
    start = int(first)
    end = min(int(last), size_bytes - 1) if last else size_bytes - 1
    if last and int(last) < start:
        return None  # malformed, 14.1.1: an int-range whose last position is less than its first is invalid
    if start >= size_bytes:
        raise RangeUnsatisfiable
    return ByteRange(start, end - start + 1)
