"""Golden breaches: bytes that must end a connection, each with the code of the CLOSE that answers them."""

from collections.abc import Iterator
from typing import Any

from improtocol import Side, pack
from improtocol import frames as f
from improtocol.framing import frame_bytes
from protocol.vectors import samples as s
from protocol.vectors.recorder import Dialogue

CLIENT, SERVER = Side.CLIENT, Side.SERVER


def opened(name: str) -> Dialogue:
    """A dialogue up to the point where a session is attached."""
    return Dialogue(name).client("resume", s.RESUME).server("resumed", s.RESUMED)


def of_framing() -> Iterator[Dialogue]:
    """Lengths, limits, msgpack."""
    for name, data in {
        "an empty frame": "00",
        "a length not in its shortest form": "8100",
        "a length of four bytes": "8180808000",
        "a length over 256 KiB": "818010",
        "not msgpack": "01c1",
        "two values in one frame": "02c0c0",
        "fewer elements than announced": "029308",
        "text that is not UTF-8": "059207a2fffe",
        "an array of 2^31 elements announced": "05dd7fffffff",
        "an extension type": "059207d4012a",
        "a map whose key is an integer": "0592078101c0",
        "no array": "03a2c3a9",
        "an empty array": "0190",
        "an opcode that is text": "0391a131",
        "an unknown opcode": "0112",
    }.items():
        yield opened(name).broken(CLIENT, name, bytes.fromhex(data), name)
    deep = frame_bytes(b"\x94\x05\x01\x01" + b"\x91" * 12 + b"\xc0")
    yield opened("nested 13 levels").broken(
        CLIENT, "nested 13 levels", deep, "a frame nests at most 12 levels"
    )
    many = frame_bytes(pack([5, 1, 1, "u1", 0, 50, *[[None] * 2_556] * 2]))
    yield opened("5,121 values").broken(
        CLIENT, "5,121 values", many, "a frame to a server has at most 5,120 values"
    )
    big = frame_bytes(pack([1, 1, "x" * 5_000, "d"]))[:8]
    name = "more than 4 KiB before a session is attached"
    yield Dialogue(name).broken(CLIENT, name, big, "said as soon as the length is there")


def of_states() -> Iterator[Dialogue]:
    """The right frame at the wrong time."""
    yield Dialogue("a ping before anything").broken(CLIENT, "ping", bytes.fromhex("0108"), "not in state NEW")
    connect = f.Connect(token="t", device="d")
    yield (
        Dialogue("a command before CONNECTED")
        .client("connect", connect)
        .broken(CLIENT, "command", frame_bytes(pack([3, 1, 1, "x", 1])), "not in state CONNECTING")
    )
    yield opened("a second RESUME").broken(CLIENT, "resume", frame_bytes(pack([2])), "not in state OPEN")
    yield opened("a RESULT from a client").broken(
        CLIENT, "result", frame_bytes(pack([13, 1, 1, 1])), "wrong side"
    )
    yield opened("a COMMAND from a server").broken(
        SERVER, "command", frame_bytes(pack([3, 1, 12])), "wrong side"
    )


def of_fields() -> Iterator[Dialogue]:
    """Fields that are missing, of the wrong type or out of range."""
    bad: dict[str, tuple[Side, Any]] = {
        "a counter of eight bits": (CLIENT, [3, 128, 1, "x", 1]),
        "no conversation in the first command": (CLIENT, [3, 1, 1, "x"]),
        "an unknown command": (CLIENT, [3, 1, 13]),
        "a missing argument": (CLIENT, [3, 1, 2, 5]),
        "a conversation id over 53 bits": (CLIENT, [3, 1, 1, "x", 2**53]),
        "a user id with a line break": (CLIENT, [3, 1, 1, "x", "a\nb"]),
        "a reaction of NUL": (CLIENT, [3, 1, 4, 1, "\0", True, 1]),
        "a group by user id": (CLIENT, [3, 1, 8, "u1"]),
        "an unknown role": (CLIENT, [3, 1, 10, "u1", 3, 1]),
        "an ACK of nothing": (CLIENT, [4, 0]),
        "a SEEK without a position": (CLIENT, 17),
        "an unknown mode": (CLIENT, [7, 2]),
        "a bool for an integer": (CLIENT, [17, True]),
        "a float for an integer": (CLIENT, [17, 1.0]),
        "a reason over 512 bytes": (CLIENT, [10, 103, 0, "x" * 513]),
        "events that end before they start": (SERVER, [14, 5, [], 4]),
        "more entries than positions": (SERVER, [14, 0, [["x", 0, "u", 1, 1], ["x", 0]], 1]),
        "a first entry without its conversation": (SERVER, [14, 0, [["x", 0]]]),
        "another conversation without a sequence number": (SERVER, [14, 0, [["x", 0, "u", 5]]]),
        "an entry without a payload": (SERVER, [14, 0, [[2, 0, "u", 5, 1]]]),
        "a time before 1970": (SERVER, [13, 1, 1, -1]),
        "a result without its time": (SERVER, [13, 1, 1]),
    }
    for name, (side, value) in bad.items():
        yield opened(name).broken(side, name, frame_bytes(pack(value)), name)
    later = frame_bytes(pack([1, 65_537, {"fields": "of a later version"}]))
    yield Dialogue("a CONNECT of a later version").broken(
        CLIENT, "connect", later, "the version is looked at before the other fields"
    )
    missing = frame_bytes(pack([2, s.SESSION, s.SECRET, s.EPOCH, 0]))
    yield Dialogue("RESUME lacks `next`").broken(CLIENT, "resume", missing, "a required field is missing")
    short = frame_bytes(pack([2, s.SESSION, s.SECRET[1:], s.EPOCH, 0, 1]))
    yield Dialogue("a secret of 15 bytes").broken(CLIENT, "resume", short, "a secret has 16 bytes")
