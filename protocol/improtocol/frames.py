"""Frames: what travels between client and server, one frozen class each.

On the wire a frame is a varint length and a msgpack array `[opcode, field, ...]`; a frame without fields is the bare opcode
(PING is two bytes). Unknown trailing fields are ignored. `to_values` and `from_values` hold the layout of those frames that
need no connection context; COMMAND, RESULT and EVENTS are laid out by `improtocol.connection`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from improtocol import limits
from improtocol.checks import check_bytes, check_int, check_name, check_text
from improtocol.codes import Code
from improtocol.commands import Action, ConversationRef, check_conversation
from improtocol.entries import Entry
from improtocol.values import Value


class Opcode(IntEnum):
    CONNECT = 1
    RESUME = 2
    COMMAND = 3
    ACK = 4
    QUERY = 5
    SIGNAL = 6
    MODE = 7
    PING = 8
    PONG = 9
    CLOSE = 10
    CONNECTED = 11
    RESUMED = 12
    RESULT = 13
    EVENTS = 14
    REPLY = 15
    RESYNC = 16
    SEEK = 17


class ClientMode(IntEnum):
    """What the app is doing. In the background, receipts, typing and presence wait for the next real message."""

    FOREGROUND = 0
    BACKGROUND = 1


class SignalKind(IntEnum):
    TYPING = 1  #: somebody types; `text` is the preview, or empty
    PRESENCE = 2  #: `user` came (value 1) or went (value 0)
    DELIVERED = 3  #: a device of `user` has everything up to sequence number `value`
    WATCH = 4  #: client to server: tell me from now on when `user` comes or goes


class ResyncReason(IntEnum):
    RETENTION = 1  #: the cursor is older than what the log keeps
    RESTORED = 2  #: the server came back from a backup: another epoch
    FUTURE = 3  #: the cursor is beyond the log's head
    DIVERGED = 4  #: reserved: histories differ although positions agree


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Prove who you are with a token; creates or re-creates the session of (app, user, device).

    `epoch` and `cursor` tell what the device's store already has (0, 0: nothing).
    """

    token: str
    device: str
    epoch: int = 0
    cursor: int = 0
    mode: int = ClientMode.FOREGROUND
    version: int = limits.PROTOCOL_VERSION

    def __post_init__(self) -> None:
        check_int("version", self.version, 1, 2**16)
        check_text("token", self.token, limits.TOKEN_BYTES_MAX)
        check_name("device", self.device, limits.DEVICE_BYTES_MAX)
        check_int("epoch", self.epoch)
        check_int("cursor", self.cursor)
        check_int("mode", self.mode, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The session is there. `accepted` is the device's last accepted counter, which outlives sessions."""

    session: int
    secret: bytes
    epoch: int
    accepted: int
    head: int
    behind_events: int = 0
    behind_bytes: int = 0
    idle_s: int = limits.IDLE_S_MAX
    user: str = ""

    def __post_init__(self) -> None:
        check_int("session", self.session, 1)
        check_bytes("secret", self.secret, limits.SECRET_BYTES, limits.SECRET_BYTES)
        check_int("epoch", self.epoch, 1)
        check_int("accepted", self.accepted)
        check_int("head", self.head)
        check_int("behind_events", self.behind_events)
        check_int("behind_bytes", self.behind_bytes)
        check_int("idle_s", self.idle_s, 1)
        check_text("user", self.user, limits.USER_BYTES_MAX, empty=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Go on with a session: `cursor` is the last log position committed, `next` the counter of the first command to follow."""

    session: int
    secret: bytes
    epoch: int
    cursor: int
    next: int
    mode: int = ClientMode.FOREGROUND

    def __post_init__(self) -> None:
        check_int("session", self.session, 1)
        check_bytes("secret", self.secret, limits.SECRET_BYTES, limits.SECRET_BYTES)
        check_int("epoch", self.epoch, 1)
        check_int("cursor", self.cursor)
        check_int("next", self.next, 1)
        check_int("mode", self.mode, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The session goes on. What was missed follows at once; at most `behind_events` entries of about `behind_bytes` bytes."""

    accepted: int
    head: int
    behind_events: int = 0
    behind_bytes: int = 0

    def __post_init__(self) -> None:
        check_int("accepted", self.accepted)
        check_int("head", self.head)
        check_int("behind_events", self.behind_events)
        check_int("behind_bytes", self.behind_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """The range after the client's cursor cannot be given. Take a snapshot by queries, then SEEK to `head`.

    `oldest` is the first position still there. After RESTORED, commands are refused until the SEEK.
    """

    reason: int
    oldest: int
    head: int
    epoch: int

    def __post_init__(self) -> None:
        check_int("reason", self.reason, 1, 127)
        check_int("oldest", self.oldest)
        check_int("head", self.head)
        check_int("epoch", self.epoch, 1)


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

    `code` OK: `value` is the sequence number (or what the command's docstring says) and `at_ms` the server's time of it.
    Codes 200-299: not accepted, the counter is still free; send again from it after `retry_after_ms`.
    Codes 500-599: refused for good, the counter is used up.
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
        check_int("code", self.code, 0, 999)
        check_int("retry_after_ms", self.retry_after_ms, 0, limits.RETRY_AFTER_MS_MAX)
        check_text("reason", self.reason, limits.REASON_BYTES_MAX, empty=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The log range (start, end]. It may hold fewer entries than positions: what a device sent itself it knows by the
    RESULT, and superseded read marks are left out."""

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
    """`count` more log positions are committed by the client; opens the flow-control window by as many."""

    count: int

    def __post_init__(self) -> None:
        check_int("count", self.count, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seek:
    """Skip ahead: the client wants only what follows `position`. Ends a RESYNC; also "newest window only"."""

    position: int

    def __post_init__(self) -> None:
        check_int("position", self.position)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question that changes nothing. `id` is the client's, echoed by the reply; ops and arguments: `improtocol.queries`."""

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
        check_int("code", self.code, 0, 999)
        check_text("reason", self.reason, limits.REASON_BYTES_MAX, empty=True)
        check_int("retry_after_ms", self.retry_after_ms, 0, limits.RETRY_AFTER_MS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Something that may be lost: typing, presence, a delivered watermark. See `SignalKind` for what each field means."""

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

