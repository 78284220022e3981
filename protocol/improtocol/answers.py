"""What the payload of a `REPLY` holds, one class for each answer."""

from dataclasses import dataclass, field
from typing import Self

from improtocol import limits
from improtocol.checks import check_bool, check_bytes, check_int, check_name, check_text
from improtocol.entries import ConversationType, Entry, Role
from improtocol.event_codec import array_header, decode_entries, encode_entries, pack_int
from improtocol.values import Value, pack


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Records in rising order and, behind them, those of the later changes that decide how they stand.

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

    `peer` is the other user of a direct conversation; `head` the highest sequence number, `first` the lowest
    one may see, `read` one's own read mark, `unread` the messages of others after it; `last` the newest
    message, as it stands now.
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
        check_int("type", v[1])
        check_int("role", v[4])
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
    """A page of a member list."""

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
            check_int("role", role)
            check_int("read", read)
            check_int("delivered", delivered)
            members.append(MemberInfo(user=user, role=Role(role), read=read, delivered=delivered))  # type: ignore[arg-type]
        return cls(members=tuple(members), complete=complete)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSlot:
    """Where to upload (tus 1.0 creation URL) and the bearer ticket for it, good until `expires_ms`."""

    url: str
    ticket: str = field(repr=False)
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

    url: str = field(repr=False)  # the right to read is in it
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
