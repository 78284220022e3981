"""Log entries: what happened in a conversation, as every follower sees it.

An `Entry` is the raw unit: where it stands and its packed payload, byte-identical from the log to the last
device. `read_entry` turns it into what it means, one frozen class a kind. Names are in the past tense: an
entry is a fact.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from improtocol import limits
from improtocol.body import Body
from improtocol.body_codec import read_body
from improtocol.checks import check_bytes, check_int, check_line, check_name, check_text
from improtocol.values import Value, unpack

#: Bytes of a record's digest (`improtocol.digest`).
DIGEST_BYTES = 4


class Kind(IntEnum):
    """What an entry is. All but READ are records of the conversation and take a sequence number."""

    MESSAGE = 0
    EDITED = 1
    RECALLED = 2
    REACTED = 3
    READ = 4
    CREATED = 5
    JOINED = 6
    LEFT = 7
    REMOVED = 8
    ROLE = 9
    RENAMED = 10


class ConversationType(IntEnum):
    """Two users, or any number."""

    DIRECT = 1
    GROUP = 2


class Role(IntEnum):
    """A member's role. Only owners and admins invite, remove and rename; only owners set roles."""

    MEMBER = 0
    ADMIN = 1
    OWNER = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact: kind, server time (ms since 1970 UTC), acting user, conversation, sequence number, payload.

    `payload` is packed. For READ, `seq` is the sequence number the user has read up to.
    """

    kind: int
    at_ms: int
    sender: str
    conversation: int
    seq: int
    payload: bytes

    def __post_init__(self) -> None:
        check_int("entry kind", self.kind, 0, 127)
        check_int("entry time", self.at_ms)
        check_text("entry sender", self.sender, limits.USER_BYTES_MAX, empty=True)
        check_int("entry conversation", self.conversation, 1)
        check_int("entry seq", self.seq)
        check_bytes("entry payload", self.payload, 1, limits.FRAME_BYTES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message was posted. Its content is `Unknown` when this version cannot read it."""

    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """Message `target` has another body now."""

    target: int
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """Message `target` was taken back."""

    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacted:
    """The sender set (`on`) or took back a reaction to message `target`."""

    target: int
    emoji: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedRead:
    """The entry's sender has read everything up to the entry's `seq`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The conversation was made, with these first members."""

    type: ConversationType
    title: str
    members: tuple[tuple[str, Role], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The sender brought these users in."""

    users: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The entry's sender left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The sender put `user` out."""

    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSet:
    """The sender gave `user` another role."""

    user: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """The sender gave the conversation another title."""

    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """A record whose payload the server no longer gives out: the message was recalled.

    `digest` is that of the record as it was (`improtocol.digest`), None when the server does not know it.
    """

    digest: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An entry this version cannot read: a typed gap the app can show, never silence (G5)."""

    reason: str


Meaning: TypeAlias = (
    Posted
    | Edited
    | Recalled
    | Reacted
    | MarkedRead
    | Created
    | Joined
    | Left
    | Removed
    | RoleSet
    | Renamed
    | Erased
    | Unreadable
)

#: The payload that stands in for a recalled message's where its digest is not told: msgpack nil.
ERASED_PAYLOAD = b"\xc0"


def read_entry(entry: Entry) -> Meaning:
    """What `entry` says. Never raises: what this version cannot read is `Unreadable` with the reason."""
    try:
        return _read(entry.kind, unpack(entry.payload))
    except (ValueError, TypeError, IndexError, KeyError) as error:
        return Unreadable(reason=f"entry of kind {entry.kind}: {error}")


def _read(kind: int, value: Value) -> Meaning:
    if kind == Kind.MESSAGE:
        erased = _erased(value)
        return Posted(body=read_body(value)) if erased is None else erased
    if kind == Kind.READ:
        return MarkedRead()
    if kind == Kind.LEFT:
        return Left()
    if not isinstance(value, list):
        raise ValueError("its payload must be a list")
    if kind == Kind.EDITED:
        if (erased := _erased(value[1])) is not None:
            return erased
        return Edited(target=_seq(value[0]), body=read_body(value[1]))
    if kind == Kind.RECALLED:
        return Recalled(target=_seq(value[0]))
    if kind == Kind.REACTED:
        return Reacted(target=_seq(value[0]), emoji=_emoji(value[1]), on=value[2] is True)
    if kind == Kind.CREATED:
        return _read_created(value)
    if kind == Kind.JOINED:
        return Joined(users=tuple(_name(user) for user in value))
    if kind == Kind.REMOVED:
        return Removed(user=_name(value[0]))
    if kind == Kind.ROLE:
        return RoleSet(user=_name(value[0]), role=_role(value[1]))
    if kind == Kind.RENAMED:
        title = value[0]
        check_text("title", title, limits.TITLE_BYTES_MAX, empty=True)
        return Renamed(title=title)  # type: ignore[arg-type]
    raise ValueError("unknown to this version")


def _erased(body: Value) -> Erased | None:
    """A body is never nil nor bytes: these stand for one that was recalled."""
    if body is None:
        return Erased()
    if type(body) is bytes:
        if len(body) != DIGEST_BYTES:
            raise ValueError(f"a digest has {DIGEST_BYTES} bytes, not {len(body)}")
        return Erased(digest=int.from_bytes(body, "big"))
    return None


def _read_created(value: list[Value]) -> Created:
    conversation_type, title, members = value[0], value[1], value[2]
    check_text("title", title, limits.TITLE_BYTES_MAX, empty=True)
    check_int("conversation type", conversation_type)
    if not isinstance(members, list):
        raise ValueError("members must be a list")
    pairs = []
    for member in members:
        if not isinstance(member, list):
            raise ValueError("a member must be a list of user and role")
        pairs.append((_name(member[0]), _role(member[1])))
    return Created(type=ConversationType(conversation_type), title=title, members=tuple(pairs))  # type: ignore[arg-type]


def _seq(value: Value) -> int:
    check_int("target", value, 1)
    return value  # type: ignore[return-value]


def _name(value: Value) -> str:
    check_name("user", value, limits.USER_BYTES_MAX)
    return value  # type: ignore[return-value]


def _emoji(value: Value) -> str:
    check_line("emoji", value, limits.EMOJI_BYTES_MAX)
    return value  # type: ignore[return-value]


def _role(value: Value) -> Role:
    check_int("role", value)
    return Role(value)  # type: ignore[arg-type]
