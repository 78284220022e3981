"""Queries, which change nothing, and what their replies hold.

A query travels as `[QUERY, id, op, argument, ...]` and is answered by `[REPLY, id, payload]`. Each class here knows its wire form in
both directions: `arguments()` / `from_arguments()` for questions, `to_value()` / `from_value()` for answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self, TypeAlias

from improtocol import limits
from improtocol.checks import check_bool, check_bytes, check_int, check_name, check_text
from improtocol.commands import ConversationRef, check_conversation
from improtocol.entries import ConversationType, Entry, Role
from improtocol.event_codec import array_header, decode_entries, encode_entries, pack_int
from improtocol.values import Value, pack


class QueryOp(IntEnum):
    HISTORY = 1
    CONVERSATIONS = 2
    MEMBERS = 3
    UPLOAD = 4
    LINK = 5
    PRESENCE = 6
    CONVERSATION = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Up to `limit` records before sequence number `before` (0: the newest), with every later change to them.

    Reply: `HistoryPage`.
    """

    OP = QueryOp.HISTORY
    conversation: ConversationRef
    before: int = 0
    limit: int = 50

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        check_int("before", self.before)
        check_int("limit", self.limit, 1, limits.PAGE_MAX)

    def arguments(self) -> tuple[Value, ...]:
        return self.conversation, self.before, self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """Up to `limit` conversations, the last active first, from before (`before_ms`, `before_id`) on; 0, 0: the first page.

    Reply: `ConversationsPage`.
    """

    OP = QueryOp.CONVERSATIONS
    before_ms: int = 0
    before_id: int = 0
    limit: int = 50

    def __post_init__(self) -> None:
        check_int("before_ms", self.before_ms)
        check_int("before_id", self.before_id)
        check_int("limit", self.limit, 1, limits.PAGE_MAX)

    def arguments(self) -> tuple[Value, ...]:
        return self.before_ms, self.before_id, self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Up to `limit` members after user `after` in the order of their ids. Reply: `MembersPage`."""

    OP = QueryOp.MEMBERS
    conversation: ConversationRef
    after: str = ""
    limit: int = limits.PAGE_MAX

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        check_text("after", self.after, limits.USER_BYTES_MAX, empty=True)
        check_int("limit", self.limit, 1, limits.PAGE_MAX)

    def arguments(self) -> tuple[Value, ...]:
        return self.conversation, self.after, self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """May I upload `size` bytes? Reply: `UploadSlot`."""

    OP = QueryOp.UPLOAD
    size: int
    mime: str
    name: str = ""

    def __post_init__(self) -> None:
        check_int("size", self.size, 1, limits.MEDIA_BYTES_MAX)
        check_name("mime", self.mime, limits.MIME_BYTES_MAX)
        check_text("name", self.name, limits.NAME_BYTES_MAX, empty=True)

    def arguments(self) -> tuple[Value, ...]:
        return self.size, self.mime, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where can I fetch `media`, which record `seq` of `conversation` shows? Reply: `MediaLink`."""

    OP = QueryOp.LINK
    conversation: ConversationRef
    seq: int
    media: bytes

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        check_int("seq", self.seq, 1)
        check_bytes("media", self.media, limits.MEDIA_ID_BYTES, limits.MEDIA_ID_BYTES)

    def arguments(self) -> tuple[Value, ...]:
        return self.conversation, self.seq, self.media


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Are these users there? Only users one shares a conversation with are told of. Reply: `PresenceList`."""

    OP = QueryOp.PRESENCE
    users: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.users) <= limits.WATCHED_USERS_MAX:
            raise ValueError(f"ask for 1..{limits.WATCHED_USERS_MAX} users")
        for user in self.users:
            check_name("user", user, limits.USER_BYTES_MAX)

    def arguments(self) -> tuple[Value, ...]:
        return (list(self.users),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation, by id or by the peer's user id. Reply: `ConversationInfo`."""

    OP = QueryOp.CONVERSATION
    conversation: ConversationRef

    def __post_init__(self) -> None:
        check_conversation(self.conversation)

    def arguments(self) -> tuple[Value, ...]:
        return (self.conversation,)


Question: TypeAlias = History | Conversations | Members | Upload | Link | Presence | Conversation
_QUESTIONS: Final[dict[int, type[Question]]] = {
    int(question.OP): question
    for question in (History, Conversations, Members, Upload, Link, Presence, Conversation)
}


def question_from(op: int, arguments: Sequence[Value]) -> Question:
    """The question of a QUERY frame. Raises `ValueError` when it is unknown or an argument breaks a rule."""
    kind = _QUESTIONS.get(op)
    if kind is None:
        raise ValueError(f"query {op} is unknown to this version")
    names = kind.__match_args__ or tuple(kind.__dataclass_fields__)
    given = dict(zip(names, arguments, strict=False))
    if kind is Presence:
        users = given.get("users")
        if not isinstance(users, list):
            raise ValueError("users must be a list")
        return Presence(users=tuple(users))  # type: ignore[arg-type]
    try:
        return kind(**given)  # type: ignore[arg-type]
    except TypeError as error:
        raise ValueError(f"query {QueryOp(op).name}: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Records in rising order and, behind them, the changes to them that came later.

    `first` is the lowest sequence number the page covers; `complete` says that nothing older may be seen.
    """

    entries: tuple[Entry, ...]
    first: int
    complete: bool

    def to_payload(self) -> bytes:
        """The packed reply payload; entries keep their bytes."""
        count, packed = encode_entries(self.entries)
        done = b"\xc3" if self.complete else b"\xc2"
        return b"".join((b"\x93", array_header(count), packed, pack_int(self.first), done))

    @classmethod
    def from_value(cls, value: Value) -> Self:
        entries, first, complete = _list(value, 3)[:3]
        check_int("first", first)
        check_bool("complete", complete)
        return cls(entries=decode_entries(entries), first=first, complete=complete)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationInfo:
    """One line of a conversation list.

    `peer` is the other user of a direct conversation; `head` the highest sequence number, `first` the lowest one may see,
    `read` one's own read mark, `unread` the messages of others after it; `last` the newest message, as it stands now.
    """

    conversation: int
    type: ConversationType
    title: str
    peer: str
    role: Role
    head: int
    first: int
    read: int
    unread: int
    members: int
    changed_ms: int
    last: Entry | None = None

    def to_value(self) -> Value:
        last: Value = None
        if self.last is not None:
            entry = self.last
            last = [entry.kind, entry.at_ms, entry.sender, entry.seq, entry.payload]
        return [
            self.conversation,
            int(self.type),
            self.title,
            self.peer,
            int(self.role),
            self.head,
            self.first,
            self.read,
            self.unread,
            self.members,
            self.changed_ms,
            last,
        ]

    @classmethod
    def from_value(cls, value: Value) -> Self:
        v = _list(value, 12)
        for index in (0, 5, 6, 7, 8, 9, 10):
            check_int("conversation info", v[index])
        check_text("title", v[2], limits.TITLE_BYTES_MAX, empty=True)
        check_text("peer", v[3], limits.USER_BYTES_MAX, empty=True)
        last = None
        if v[11] is not None:
            kind, at_ms, sender, seq, payload = _list(v[11], 5)[:5]
            check_bytes("payload", payload, 1, limits.FRAME_BYTES_MAX)
            last = Entry(kind, at_ms, sender, v[0], seq, payload)  # type: ignore[arg-type]
        return cls(
            conversation=v[0],  # type: ignore[arg-type]
            type=ConversationType(v[1]),  # type: ignore[arg-type]
            title=v[2],  # type: ignore[arg-type]
            peer=v[3],  # type: ignore[arg-type]
            role=Role(v[4]),  # type: ignore[arg-type]
            head=v[5],  # type: ignore[arg-type]
            first=v[6],  # type: ignore[arg-type]
            read=v[7],  # type: ignore[arg-type]
            unread=v[8],  # type: ignore[arg-type]
            members=v[9],  # type: ignore[arg-type]
            changed_ms=v[10],  # type: ignore[arg-type]
            last=last,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationsPage:
    """A page of the conversation list, and the log's `head` when it was read: SEEK there after a RESYNC."""

    head: int
    conversations: tuple[ConversationInfo, ...]
    complete: bool

    def to_payload(self) -> bytes:
        return pack([self.head, [info.to_value() for info in self.conversations], self.complete])

    @classmethod
    def from_value(cls, value: Value) -> Self:
        head, infos, complete = _list(value, 3)[:3]
        check_int("head", head)
        check_bool("complete", complete)
        conversations = tuple(ConversationInfo.from_value(info) for info in _list(infos, 0))
        return cls(head=head, conversations=conversations, complete=complete)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberInfo:
    """A member with role, read mark and delivered watermark (both sequence numbers)."""

    user: str
    role: Role
    read: int
    delivered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersPage:
    members: tuple[MemberInfo, ...]
    complete: bool

    def to_payload(self) -> bytes:
        return pack([[[m.user, int(m.role), m.read, m.delivered] for m in self.members], self.complete])

    @classmethod
    def from_value(cls, value: Value) -> Self:
        rows, complete = _list(value, 2)[:2]
        check_bool("complete", complete)
        members = []
        for row in _list(rows, 0):
            user, role, read, delivered = _list(row, 4)[:4]
            check_name("user", user, limits.USER_BYTES_MAX)
            check_int("read", read)
            check_int("delivered", delivered)
            members.append(MemberInfo(user=user, role=Role(role), read=read, delivered=delivered))  # type: ignore[arg-type]
        return cls(members=tuple(members), complete=complete)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSlot:
    """Where to upload (tus 1.0 creation URL) and the bearer ticket for it, good until `expires_ms`."""

    url: str
    ticket: str
    expires_ms: int

    def to_payload(self) -> bytes:
        return pack([self.url, self.ticket, self.expires_ms])

    @classmethod
    def from_value(cls, value: Value) -> Self:
        url, ticket, expires_ms = _list(value, 3)[:3]
        check_text("url", url, limits.URL_BYTES_MAX)
        check_text("ticket", ticket, limits.URL_BYTES_MAX)
        check_int("expires_ms", expires_ms)
        return cls(url=url, ticket=ticket, expires_ms=expires_ms)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLink:
    """Where to fetch a blob until `expires_ms`. The server checks membership again at every fetch."""

    url: str
    expires_ms: int

    def to_payload(self) -> bytes:
        return pack([self.url, self.expires_ms])

    @classmethod
    def from_value(cls, value: Value) -> Self:
        url, expires_ms = _list(value, 2)[:2]
        check_text("url", url, limits.URL_BYTES_MAX)
        check_int("expires_ms", expires_ms)
        return cls(url=url, expires_ms=expires_ms)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceList:
    """(user, is there, last seen in ms since 1970 or 0) for each user that may be told of."""

    users: tuple[tuple[str, bool, int], ...]

    def to_payload(self) -> bytes:
        return pack([list(user) for user in self.users])

    @classmethod
    def from_value(cls, value: Value) -> Self:
        users = []
        for row in _list(value, 0):
            user, there, seen_ms = _list(row, 3)[:3]
            check_name("user", user, limits.USER_BYTES_MAX)
            check_bool("there", there)
            check_int("seen_ms", seen_ms)
            users.append((user, there, seen_ms))
        return cls(users=tuple(users))  # type: ignore[arg-type]


def _list(value: Value, count: int) -> list[Value]:
    if not isinstance(value, list) or len(value) < count:
        raise ValueError(f"a reply must be a list of at least {count} elements")
    return value
