"""The order of fields on the wire, one table for all frames that need no connection context.

A frame's fields travel in this order behind its opcode; trailing ones that hold their default are left out.
"""

from dataclasses import MISSING, fields
from typing import Final

from improtocol import frames
from improtocol.codes import Code
from improtocol.digest import DIGEST_MAX
from improtocol.errors import RemoteProtocolError
from improtocol.frames import Frame, Opcode
from improtocol.limits import DIGEST_SPAN_MAX, FRAME_BYTES_MAX, INT_MAX, PROTOCOL_VERSION, SECRET_BYTES
from improtocol.trusted import trusted
from improtocol.values import Value, unpack

LAYOUTS: Final[dict[Opcode, tuple[type[Frame], tuple[str, ...]]]] = {
    Opcode.CONNECT: (
        frames.Connect,
        ("version", "token", "device", "epoch", "cursor", "mode", "digest", "span"),
    ),
    Opcode.CONNECTED: (
        frames.Connected,
        (
            "session",
            "secret",
            "epoch",
            "accepted",
            "head",
            "behind_events",
            "behind_bytes",
            "idle_s",
            "user",
            "resync",
        ),
    ),
    Opcode.RESUME: (
        frames.Resume,
        ("session", "secret", "epoch", "cursor", "next", "mode", "digest", "span"),
    ),
    Opcode.RESUMED: (frames.Resumed, ("accepted", "head", "behind_events", "behind_bytes", "resync")),
    Opcode.RESYNC: (frames.Resync, ("reason", "oldest", "head", "epoch", "verified")),
    Opcode.ACK: (frames.Ack, ("count", "digest")),
    Opcode.SEEK: (frames.Seek, ("position",)),
    Opcode.SIGNAL: (frames.Signal, ("kind", "conversation", "user", "value", "text")),
    Opcode.MODE: (frames.Mode, ("mode",)),
    Opcode.PING: (frames.Ping, ()),
    Opcode.PONG: (frames.Pong, ()),
    Opcode.CLOSE: (frames.Close, ("code", "retry_after_ms", "reason")),
}
OPCODES: Final[dict[type[Frame], Opcode]] = {
    **{frame_type: opcode for opcode, (frame_type, _) in LAYOUTS.items()},
    frames.Command: Opcode.COMMAND,
    frames.Result: Opcode.RESULT,
    frames.Events: Opcode.EVENTS,
    frames.Query: Opcode.QUERY,
    frames.Reply: Opcode.REPLY,
}
FRAME_TYPES: Final[dict[int, type[Frame]]] = {int(opcode): frame for frame, opcode in OPCODES.items()}


def _defaults(frame_type: type[Frame], names: tuple[str, ...]) -> tuple[Value, ...]:
    """The defaults of the trailing fields that have one: these may be left out."""
    by_name = {field.name: field.default for field in fields(frame_type)}
    trailing: list[Value] = []
    for name in reversed(names):
        default = by_name[name]
        if default is MISSING:
            break
        trailing.insert(0, default)
    return tuple(trailing)


_ACK: Final = int(Opcode.ACK)
_CONNECT: Final = int(Opcode.CONNECT)
_RESUME: Final = int(Opcode.RESUME)
_trusted_ack: Final = trusted(frames.Ack)
_trusted_resume: Final = trusted(frames.Resume)
_DEFAULTS: Final = {opcode: _defaults(frame_type, names) for opcode, (frame_type, names) in LAYOUTS.items()}


def plain_to_values(frame: Frame) -> Value:
    """A context-free frame as `[opcode, field, ...]`, or the bare opcode when nothing follows."""
    opcode = OPCODES[type(frame)]
    values: list[Value] = [int(opcode), *(getattr(frame, name) for name in LAYOUTS[opcode][1])]
    for default in reversed(_DEFAULTS[opcode]):
        if values[-1] != default:
            break
        values.pop()
    return values if len(values) > 1 else int(opcode)


def plain_from_values(opcode: int, values: list[Value]) -> Frame:
    """The context-free frame behind `values` (no opcode).

    Raises:
        ValueError: a field is missing or bad.
        RemoteProtocolError: a CONNECT of a later version.
    """
    if opcode == _ACK and (ack := _plain_ack(values)) is not None:
        return ack
    if opcode == _RESUME and (resume := _plain_resume(values)) is not None:
        return resume
    if opcode == _CONNECT:
        _check_version(values)
    frame_type, names = LAYOUTS[opcode]  # type: ignore[index]  # an opcode is a number
    required = len(names) - len(_DEFAULTS[opcode])  # type: ignore[index]
    if len(values) < required:
        raise ValueError(f"its field {names[len(values)]!r} is missing")
    return frame_type(**dict(zip(names, values, strict=False)))  # type: ignore[arg-type]


def _check_version(values: list[Value]) -> None:
    """Looked at before all other fields, as a later version may have others."""
    version = values[0] if values else None
    if type(version) is int and version > PROTOCOL_VERSION:
        reason = f"this end speaks version {PROTOCOL_VERSION}, not {version}"
        raise RemoteProtocolError(reason, Code.VERSION_UNSUPPORTED)


def _plain_ack(values: list[Value]) -> Frame | None:
    """An ACK as nearly all are, at a third of the cost; None: the constructor is to say what is wrong."""
    count = values[0] if values else None
    digest = values[1] if len(values) > 1 else None
    if type(count) is not int or not 0 < count <= INT_MAX:
        return None
    if digest is not None and (type(digest) is not int or not 0 <= digest <= DIGEST_MAX):
        return None
    return _trusted_ack(count, digest)


def _plain_resume(values: list[Value]) -> Frame | None:
    """A RESUME as nearly all are, at a third of the cost; None: as above."""
    count = len(values)
    if not 5 <= count <= 8:
        return None
    session, secret, epoch, cursor, following = values[:5]
    mode = values[5] if count > 5 else 0
    digest = values[6] if count > 6 else None
    span = values[7] if count > 7 else 0
    if type(session) is not int or not 0 < session <= INT_MAX:
        return None
    if type(secret) is not bytes or len(secret) != SECRET_BYTES:
        return None
    if type(epoch) is not int or not 0 < epoch <= INT_MAX:
        return None
    if type(cursor) is not int or not 0 <= cursor <= INT_MAX:
        return None
    if type(following) is not int or not 0 < following <= INT_MAX:
        return None
    if type(mode) is not int or not 0 <= mode <= 1:
        return None
    if digest is not None and (type(digest) is not int or not 0 <= digest <= DIGEST_MAX):
        return None
    if type(span) is not int or not 0 <= span <= min(cursor, DIGEST_SPAN_MAX):
        return None
    return _trusted_resume(session, secret, epoch, cursor, following, mode, digest, span)


def read_head(data: bytes | memoryview, values_max: int = FRAME_BYTES_MAX) -> tuple[int, list[Value]]:
    """Opcode and fields of one frame's bytes; whether the opcode is one, its receiver looks up.

    Raises:
        RemoteProtocolError: not a frame of this protocol.
    """
    try:
        value = unpack(data, values_max)
    except ValueError as error:
        raise RemoteProtocolError(f"a frame is not msgpack: {error}"[:200]) from None
    if type(value) is list and value:
        opcode = value[0]
        if type(opcode) is int:
            del value[0]
            return opcode, value
    elif type(value) is int:
        return value, []
    raise RemoteProtocolError("a frame must be an array that begins with its opcode")
