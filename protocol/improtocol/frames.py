"""Frames: what travels between client and server, one frozen class each.

On the wire a frame is a varint length and a msgpack array `[opcode, field, ...]`; a frame without fields is
the bare opcode (PING is two bytes). Unknown trailing fields are ignored. `improtocol.layouts` has the
order of fields of those frames that need no connection context; the others are laid out by
`improtocol.connection`.
"""

from dataclasses import dataclass
from typing import TypeAlias

from improtocol import limits
from improtocol.checks import check_bytes, check_int, check_text
from improtocol.codes import Code
from improtocol.commands import Action, ConversationRef, check_conversation
from improtocol.digest import DIGEST_MAX
from improtocol.entries import Entry
from improtocol.handshake import Connect, Connected, Resume, Resumed, Resync
from improtocol.opcodes import ClientMode, Opcode, ResyncReason, SignalKind
from improtocol.values import Value

__all__ = [
    "Ack",
    "ClientMode",
    "Close",
    "Command",
    "Connect",
    "Connected",
    "Events",
    "Frame",
    "Mode",
    "Opcode",
    "Ping",
    "Pong",
    "Query",
    "Reply",
    "Result",
    "Resume",
    "Resumed",
    "Resync",
    "ResyncReason",
    "Seek",
    "Signal",
    "SignalKind",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Entry `counter` of the session's reliable stream to the server. Counters are dense from 1."""

    counter: int
    action: Action

    def __post_init__(self) -> None:
        check_int("counter", self.counter, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of command `counter`, sent after the commit.

    `code` OK: `value` is the sequence number (or what the command's docstring says) and `at_ms` the server's
    time of it. Codes 200-299: not accepted, the counter is still free; send again from it after
    `retry_after_ms`. Codes 500-599: refused for good, the counter is used up.
    """

    counter: int
    value: int = 0
    at_ms: int = 0
    code: int = Code.OK
    retry_after_ms: int = 0
    reason: str = ""

    def __post_init__(self) -> None:
        check_int("counter", self.counter, 1)
        check_int("value", self.value)
        check_int("at_ms", self.at_ms)
        check_int("code", self.code, 0, 999)
        if not self.code:
            if self.retry_after_ms or self.reason:
                raise ValueError("a result that is OK has neither a retry time nor a reason")
            return
        check_int("retry_after_ms", self.retry_after_ms, 0, limits.RETRY_AFTER_MS_MAX)
        check_text("reason", self.reason, limits.REASON_BYTES_MAX, empty=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The log range (start, end]. It may hold fewer entries than positions.

    What a device did itself it knows by the RESULT, and superseded read marks are left out.
    """

    start: int
    end: int
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        check_int("start", self.start)
        check_int("end", self.end, self.start)
        if len(self.entries) > self.end - self.start:
            raise ValueError("events: more entries than positions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """`count` more log positions are committed by the client; opens the flow-control window by as many.

    `digest` is the sum of the terms of all entries committed since the session was attached on this
    connection, or since the last SEEK; the position acknowledged is then the end of an EVENTS frame. With it
    `count` may be 0: nothing new, only to be compared.
    """

    count: int = 1
    digest: int | None = None

    def __post_init__(self) -> None:
        check_int("count", self.count, 1 if self.digest is None else 0)
        if self.digest is not None:
            check_int("digest", self.digest, 0, DIGEST_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seek:
    """Skip ahead: the client wants only what follows `position`. Ends a RESYNC; also "newest window only".

    Only as the answer to RESYNC may it go back.
    """

    position: int

    def __post_init__(self) -> None:
        check_int("position", self.position)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question that changes nothing; `id` is the client's, echoed by the reply.

    Ops and arguments: `improtocol.queries`.
    """

    id: int
    op: int
    arguments: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        check_int("query id", self.id)
        check_int("query op", self.op, 1, 127)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to query `id`: `payload` is one packed value; with a code other than OK it is nil."""

    id: int
    payload: bytes = b"\xc0"
    code: int = Code.OK
    reason: str = ""
    retry_after_ms: int = 0

    def __post_init__(self) -> None:
        check_int("query id", self.id)
        check_bytes("payload", self.payload, 1, limits.FRAME_BYTES_MAX)
        check_int("code", self.code, 0, 999)
        check_text("reason", self.reason, limits.REASON_BYTES_MAX, empty=True)
        check_int("retry_after_ms", self.retry_after_ms, 0, limits.RETRY_AFTER_MS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Something that may be lost: typing, presence, a delivered watermark. Fields: see `SignalKind`."""

    kind: int
    conversation: ConversationRef | None = None
    user: str = ""
    value: int = 0
    text: str = ""

    def __post_init__(self) -> None:
        check_int("signal kind", self.kind, 1, 127)
        if self.conversation is not None:
            check_conversation(self.conversation)
        check_text("user", self.user, limits.USER_BYTES_MAX, empty=True)
        check_int("value", self.value)
        check_text("preview", self.text, limits.PREVIEW_BYTES_MAX, empty=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """The app went to the foreground or the background."""

    mode: int

    def __post_init__(self) -> None:
        check_int("mode", self.mode, 0, 1)


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there? Two bytes."""


@dataclass(frozen=True, slots=True)
class Pong:
    """I am. Two bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The last frame of a connection: why, and what to do next (`improtocol.codes`)."""

    code: int
    retry_after_ms: int = 0
    reason: str = ""

    def __post_init__(self) -> None:
        check_int("code", self.code, 0, 999)
        check_int("retry_after_ms", self.retry_after_ms, 0, limits.RETRY_AFTER_MS_MAX)
        check_text("reason", self.reason, limits.REASON_BYTES_MAX, empty=True)


Frame: TypeAlias = (
    Connect
    | Connected
    | Resume
    | Resumed
    | Resync
    | Command
    | Result
    | Events
    | Ack
    | Seek
    | Query
    | Reply
    | Signal
    | Mode
    | Ping
    | Pong
    | Close
)
