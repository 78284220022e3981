"""What can happen besides a new message, named in the past tense: `im.changes()` yields these."""

from dataclasses import dataclass
from typing import TypeAlias

from improtocol import Entry, Kind, Role, SignalKind, read_entry
from improtocol import entries as facts
from improtocol.frames import Signal
from imsdk.store.rows import FeedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageChanged:
    """Message `seq` was edited, recalled or reacted to, by `user`; `chat.message` shows it as it stands."""

    conversation: int
    seq: int
    user: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUpTo:
    """`user` has read everything up to `seq`."""

    conversation: int
    user: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersChanged:
    """Somebody joined, left, was removed or got another role; `users` it is about, `by` who did it."""

    conversation: int
    by: str
    users: tuple[str, ...]
    kind: Kind
    role: Role | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationCreated:
    """A conversation came into being."""

    conversation: int
    by: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """A conversation has another title."""

    conversation: int
    by: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """`user` types (or stopped); `preview` is what is there so far, if the other side shares it."""

    conversation: int
    user: str
    typing: bool
    preview: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceChanged:
    """A watched user came or went."""

    user: str
    there: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredUpTo:
    """A device of `user` has everything up to `seq`."""

    conversation: int
    user: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryDiverged:
    """What this device held of its log differed from what the server has, between two log positions.

    Attributes:
        after, upto: the first stretch that differs, (after, upto].
        healed: it is being fetched again, or compared conversation by conversation; False: it came again and
            differs still, so what is shown is what the server sends, and the server's data is damaged.
    """

    after: int
    upto: int
    healed: bool


Change: TypeAlias = (
    MessageChanged
    | HistoryDiverged
    | ReadUpTo
    | MembersChanged
    | ConversationCreated
    | Renamed
    | Typing
    | PresenceChanged
    | DeliveredUpTo
)


def change_of_feed(row: FeedRow, conversation: int) -> Change | None:
    """The change behind a feed row, None if this version knows none."""
    kind = row.kind
    if kind == Kind.READ:
        return ReadUpTo(conversation=conversation, user=row.sender, seq=row.seq)
    entry = Entry(kind, row.at_ms, row.sender, max(1, conversation), row.seq, row.payload or b"\xc0")
    match read_entry(entry):
        case facts.Edited(target=seq) | facts.Recalled(target=seq) | facts.Reacted(target=seq):
            return MessageChanged(conversation=conversation, seq=seq, user=row.sender, kind=Kind(kind))
        case facts.Joined(users=users):
            return _members(row, conversation, users)
        case facts.Left():
            return _members(row, conversation, (row.sender,))
        case facts.Removed(user=user):
            return _members(row, conversation, (user,))
        case facts.RoleSet(user=user, role=role):
            return _members(row, conversation, (user,), role)
        case facts.Created(title=title):
            return ConversationCreated(conversation=conversation, by=row.sender, title=title)
        case facts.Renamed(title=title):
            return Renamed(conversation=conversation, by=row.sender, title=title)
        case _:
            return None


def change_of_signal(signal: Signal | HistoryDiverged) -> Change | None:
    """The change behind a signal, None if it is not for the app."""
    if isinstance(signal, HistoryDiverged):
        return signal
    conversation = signal.conversation if isinstance(signal.conversation, int) else 0
    match signal.kind:
        case SignalKind.TYPING:
            return Typing(
                conversation=conversation, user=signal.user, typing=signal.value > 0, preview=signal.text
            )
        case SignalKind.PRESENCE:
            return PresenceChanged(user=signal.user, there=signal.value > 0)
        case SignalKind.DELIVERED:
            return DeliveredUpTo(conversation=conversation, user=signal.user, seq=signal.value)
        case _:
            return None


def _members(
    row: FeedRow, conversation: int, users: tuple[str, ...], role: Role | None = None
) -> MembersChanged:
    return MembersChanged(
        conversation=conversation, by=row.sender, users=users, kind=Kind(row.kind), role=role
    )
