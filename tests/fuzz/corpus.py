"""Where fuzzing begins: the golden vectors, small samples of everything else, and a mutator."""

import json
import random
from functools import cache
from pathlib import Path
from typing import Any, Final

from imserver.media.limits import MediaLimits
from imserver.media.testing import KEY, NOW_MS
from imserver.media.ticket_office import TicketOffice
from imserver.media.tickets import Signer

VECTORS: Final = Path(__file__).parents[2] / "protocol" / "vectors"
#: Bytes that mean most: to msgpack, to varints, to WebSocket, to text formats.
TELLING: Final = bytes.fromhex(
    "00 01 7f 80 81 8f 90 9f a0 c0 c1 c4 c6 c7 ca cb cf d3 d4 d9 db dc dd de df e0 ff"
)
SPLICES: Final = (
    *(b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\x7f\xff\xff\xff"),
    *(
        b"\xcf" + b"\xff" * 8,
        b"\xcb\x7f\xf8\0\0\0\0\0\0",
        b"\x91" * 20,
        b"\r\n",
        b"\0",
        b"\xed\xa0\x80",
        b"[[[",
    ),
    *(b"1e999", b"-1", b"99999999999999999999", b'"\\ud800"', b"= ", b"bytes=", b"\xe2\x80\xae", b"../"),
)


@cache
def vector_frames() -> tuple[tuple[str, bytes], ...]:
    """Side and bytes of every frame in the golden vectors, the broken ones included."""
    found = []
    for path in sorted(VECTORS.glob("*.json")):
        for dialogue in json.loads(path.read_text()):
            frames = dialogue.get("frames", ())
            found += [(frame["side"], bytes.fromhex(frame["hex"])) for frame in frames if "hex" in frame]
    assert len(found) > 100
    return tuple(found)


def spoken_by(side: str) -> list[bytes]:
    """The frames that `side` says in the vectors."""
    return [data for speaker, data in vector_frames() if speaker == side]


@cache
def signer() -> Signer:
    return Signer([KEY], lambda: NOW_MS)


@cache
def tickets() -> tuple[bytes, ...]:
    """An upload ticket and a link, as texts."""
    office = TicketOffice(signer(), MediaLimits(), lambda: NOW_MS)
    upload, _ = office.issue_upload(app=1, user="alice", size_bytes=10, mime="text/plain", name="a.txt")
    link = office.issue_link(app=1, user="alice", conversation=5, sha256=bytes(32))
    return upload.encode(), link.encode()


def mutate(data: bytes, rng: random.Random, seeds: list[bytes]) -> bytes:
    """`data` with one to five changes, each of a kind that parsers trip over."""
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(8):
            case 0:
                data = data[:at] + bytes((rng.choice(TELLING),)) + data[at + 1 :]
            case 1:
                data = data[:at] + rng.randbytes(rng.randint(1, 8)) + data[at:]
            case 2:
                data = data[:at] + data[at + rng.randint(1, 8) :]
            case 3:
                data = data[:at] + rng.choice(SPLICES) + data[at:]
            case 4 if data:
                at = at % len(data)
                data = data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]
            case 5:
                other = rng.choice(seeds)
                data = data[:at] + other[rng.randrange(len(other) + 1) :]
            case 6:
                piece = data[at : at + rng.randint(1, 20)]
                data = data[:at] + piece * rng.randint(2, 30) + data[at:]
            case _:
                data = data[:at]
    return data[:4096]


def one_line(text: Any) -> bool:
    """No control character, which could forge a line in a log or a terminal."""
    return str(text).isprintable() or not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in str(text))
