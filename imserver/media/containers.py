"""Recognises audio and video by its first bytes and reads the length where a header tells it.

This is no proof that the content plays. It decides only whether a blob is served as audio or video or as a
plain file, and none of these types can carry script. Everything is bounded: a few small reads, whatever the
file says.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

from improtocol.limits import DURATION_MS_MAX

_BOXES_MAX: Final = 64
_CHUNKS_MAX: Final = 64
_OGG_TAIL_BYTES: Final = 64 * 1024
_OPUS_HZ: Final = 48_000


@dataclass(frozen=True, slots=True)
class Container:
    """The type and, where the header tells one that makes sense, the length in milliseconds."""

    mime: str
    duration_ms: int | None = None


SAFE_TYPES: Final = frozenset(
    {
        *("audio/wav", "audio/ogg", "audio/mpeg", "audio/amr", "audio/aac", "audio/flac", "audio/mp4"),
        *("video/mp4", "video/quicktime", "video/webm", "video/ogg"),
    }
)


def recognise(file: BinaryIO, size_bytes: int) -> Container | None:
    """The container, or None if the file is none that we know. Never raises for damaged content."""
    file.seek(0)
    head = file.read(4096)
    try:
        if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
            return Container("audio/wav", _wav_ms(file))
        if head.startswith(b"OggS"):
            return _ogg(file, head, size_bytes)
        if head[4:8] == b"ftyp":
            return _mp4(file, head, size_bytes)
    except (struct.error, ZeroDivisionError, OverflowError, IndexError):
        return None
    if head.startswith((b"#!AMR\n", b"#!AMR-WB\n")):
        return Container("audio/amr")
    if head.startswith(b"fLaC"):
        return Container("audio/flac")
    if head.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in head[:64]:
        return Container("video/webm")
    if head[:2] in {b"\xff\xf1", b"\xff\xf9"}:
        return Container("audio/aac")
    if head.startswith(b"ID3") or _is_mp3_frame(head):
        return Container("audio/mpeg")
    return None


def _is_mp3_frame(head: bytes) -> bool:
    """A frame header of MPEG audio layer III with no reserved value (ISO/IEC 11172-3, 2.4.1.3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    version, bitrate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and bitrate not in {0, 15} and rate != 3


def _ms(count: int, per_s: int) -> int | None:
    """So many samples, bytes or ticks in milliseconds; None if no message could say it."""
    ms = count * 1000 // per_s
    return ms if 0 <= ms <= DURATION_MS_MAX else None


def _wav_ms(file: BinaryIO) -> int | None:
    bytes_per_s = 0
    file.seek(12)
    for _ in range(_CHUNKS_MAX):
        header = file.read(8)
        if len(header) < 8:
            return None
        name, size = struct.unpack("<4sI", header)
        if name == b"fmt ":
            bytes_per_s = struct.unpack("<8xI", file.read(12))[0]
            file.seek(size - 12, 1)
        elif name == b"data":
            return _ms(size, bytes_per_s)
        else:
            file.seek(size + size % 2, 1)
    return None


def _ogg(file: BinaryIO, head: bytes, size_bytes: int) -> Container:
    first = head[28:64]
    if first.startswith(b"\x80theora"):
        return Container("video/ogg")
    if first.startswith(b"OpusHead"):
        rate, skipped = _OPUS_HZ, struct.unpack_from("<H", first, 10)[0]
    elif first.startswith(b"\x01vorbis"):
        rate, skipped = struct.unpack_from("<I", first, 12)[0], 0
    else:
        return Container("audio/ogg")
    file.seek(max(0, size_bytes - _OGG_TAIL_BYTES))
    tail = file.read(_OGG_TAIL_BYTES)
    last_page = tail.rfind(b"OggS")
    if last_page < 0:
        return Container("audio/ogg")
    samples = struct.unpack_from("<q", tail, last_page + 6)[0] - skipped
    return Container("audio/ogg", _ms(samples, rate))


def _mp4(file: BinaryIO, head: bytes, size_bytes: int) -> Container:
    brand = head[8:12]
    mime = {b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"qt  ": "video/quicktime"}.get(brand, "video/mp4")
    movie = _box(file, b"moov", 0, size_bytes)
    header = _box(file, b"mvhd", *movie) if movie else None
    if header is None:
        return Container(mime)
    file.seek(header[0])
    body = file.read(32)
    # ISO/IEC 14496-12, 8.2.2: version 1 has 64-bit times.
    scale, length = struct.unpack_from(">20xIQ" if body[0] == 1 else ">12xII", body)
    return Container(mime, _ms(length, scale))


def _box(file: BinaryIO, wanted: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Where the body of the first box of that kind begins and ends, among the boxes from `start` to `end`."""
    for _ in range(_BOXES_MAX):
        if start + 8 > end:
            return None
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        size = size or end - start
        if size < header:
            return None
        if kind == wanted:
            return start + header, min(end, start + size)
        start += size
    return None
