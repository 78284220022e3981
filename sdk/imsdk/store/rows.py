"""What goes in and out of a store: one frozen class a thing, without behaviour.

A *chat* is the store's own key of a conversation, known before the server has given it an id. A *local id*
names an outbox row for good. A *position* is a place in the feed, the one order in which the app sees what
happened.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from improtocol import Role
from improtocol.commands import Action

#: Feed kinds beside `improtocol.Kind`: negative, so that they never collide with a later version's.
GAP = -1
UNREADABLE = -2
#: The code of a draft that was taken back, beside `improtocol.Code`: negative for the same reason.
DISCARDED = -1


class GapReason(IntEnum):
    """Why a range of sequence numbers is not in the feed."""

    RETENTION = 1  #: the server no longer kept it for this device when it came back; `history` may have it
    RESTORED = 2  #: the server came back from a backup: what was shown after that point no longer counts
    MISSING = 3  #: this device sent it but has lost its own copy; `history` has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this device is, and how far both of its streams are.

    Attributes:
        device: name of this device, for ever.
        user: user id as the server says it, "" before the first login.
        session: session id, 0 when there is none (then a token is needed).
        secret: resume secret of the session.
        epoch: epoch of the log that `cursor` counts in, 0 before the first login.
        cursor: last log position committed.
        base, digest: the sum of the terms of what came by the log in (base, cursor]; None: not known.
        acked: last counter whose result is committed; everything above it is unacked.
        assigned: last counter given to a command.
        done: last feed position the app has done with.
        heartbeat: JSON text of what the heartbeat has learned.
    """

    device: str
    user: str = ""
    session: int = 0
    secret: bytes = field(default=b"", repr=False)
    epoch: int = 0
    cursor: int = 0
    acked: int = 0
    assigned: int = 0
    done: int = 0
    heartbeat: str = "{}"
    base: int = 0
    digest: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A committed range: how many entries could not be read, and what the terms of all sum up to."""

    unreadable: int
    digest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A command that is not acked yet, or was refused for good or taken back (`code` is not 0).

    `counter` is None while an upload, its own or that of an earlier row of the same chat, is not finished.
    Of what was discarded neither `action` nor `draft` is kept.
    """

    local: int
    chat: int
    counter: int | None
    action: Action | None
    draft: str | None
    progress: str
    created_ms: int
    code: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A command's end: its sequence number, or the code and reason of its refusal."""

    local: int
    seq: int
    at_ms: int
    code: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message as it stands now. `body` is None once it is recalled."""

    chat: int
    seq: int
    sender: str
    at_ms: int
    body: bytes | None
    edited_ms: int = 0
    recalled: bool = False
    local: int | None = None
    reactions: tuple[tuple[str, str], ...] = ()  #: (emoji, user) in the order of their sequence numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRow:
    """A line of the conversation list. `id` is 0 until the server has made the conversation."""

    chat: int
    id: int
    type: int
    title: str
    peer: str
    role: Role
    present: bool
    head: int
    first: int
    read: int
    unread: int
    changed_ms: int
    last: MessageRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """Something that happened. `message` is there for kind MESSAGE, as the message stands now.

    For GAP `seq` is the first missing number and `payload` packs [last, reason]; for UNREADABLE it packs
    [kind, reason].
    """

    position: int
    chat: int
    kind: int
    seq: int
    sender: str
    at_ms: int
    payload: bytes | None
    message: MessageRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """A member with role, read mark and delivered watermark (sequence numbers)."""

    user: str
    role: Role
    read: int
    delivered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRows:
    """Local messages before a sequence number, in rising order.

    `first` is the lowest number covered without a hole; `complete` says that nothing older may be seen.
    """

    messages: tuple[MessageRow, ...]
    first: int
    complete: bool
