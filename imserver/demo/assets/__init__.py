"""The demo's media, kept small: a picture, two voice clips, a video clip, an invoice.

`load` gives a clip its own bytes each time it is sent (a note in a place that its format reserves for notes),
so that every transfer in a run is a transfer of something the server has not seen before.
"""

import struct
from collections.abc import Callable
from importlib.resources import files
from typing import Final

__all__ = ["load", "names"]


def names() -> tuple[str, ...]:
    """The files that `load` knows."""
    return tuple(_ANNOTATE)


def load(name: str, note: str) -> bytes:
    """The bytes of asset `name` with `note` hidden inside: valid of its kind, unlike any other note's.

    Raises:
        KeyError: there is no such asset.
    """
    annotate = _ANNOTATE[name]
    return annotate((files(__name__) / name).read_bytes(), note.encode())


def _jpeg(data: bytes, note: bytes) -> bytes:
    """A COM segment behind the start-of-image marker (ISO/IEC 10918-1, B.2.4.5)."""
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + data[2:]


def _wav(data: bytes, note: bytes) -> bytes:
    """One more RIFF chunk at the end; readers skip chunks they do not know."""
    padded = note + b"\0" * (len(note) % 2)
    body = data[8:] + b"note" + struct.pack("<I", len(note)) + padded
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _mp4(data: bytes, note: bytes) -> bytes:
    """A `free` box at the end (ISO/IEC 14496-12, 8.1.2)."""
    return data + struct.pack(">I4s", len(note) + 8, b"free") + note


def _pdf(data: bytes, note: bytes) -> bytes:
    """A comment behind the end marker."""
    return data + b"%" + note.replace(b"\n", b" ") + b"\n"


_ANNOTATE: Final[dict[str, Callable[[bytes, bytes], bytes]]] = {
    "shoes.jpg": _jpeg,
    "voice-customer.wav": _wav,
    "voice-agent.wav": _wav,
    "shoes.mp4": _mp4,
    "invoice.pdf": _pdf,
}
