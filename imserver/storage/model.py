"""What goes into a store and what comes out of it: plain facts, one frozen class each.

Ids of apps, users and devices are the store's own, from 1 up; ids of conversations and sessions are 53 random
bits drawn by the caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from improtocol.entries import Entry

#: `Write.kind` when the command makes neither a record nor a read mark.
NO_ENTRY: Final = -1


class StoreFull(Exception):
    """There is no room. The transaction was rolled back whole, reads go on, the call may succeed later."""


class StoreBroken(Exception):
    """An I/O error, corruption or a broken invariant: no further ack is allowed, the process must end (G7).

    Every later call of the store raises it too.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A tenant. `media_bytes_max` is its quota of blobs."""

    id: int
    name: str
    created_ms: int
    media_bytes_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppKey:
    """A key that signs an app's tokens. `algorithm` ("HS256", "EdDSA", "ES256") is fixed for the key's life.

    `key` is the secret, or the public key as PEM.
    """

    app: int
    kid: str
    algorithm: str
    key: bytes = field(repr=False)
    created_ms: int
    revoked_ms: int = 0


class Outcome(NamedTuple):
    """What became of the command under `counter`: the original result that a retry gets.

    This, `LogEntry` and `Placed` are made for every message: a named tuple costs half of a frozen dataclass.
    """

    counter: int
    digest: int
    code: int
    value: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of a user with its current session, and its command stream, which outlives sessions.

    `session` and `expires_ms` are 0 and `secret_hash` is empty once the session was ended. `accepted` is
    the last counter accepted, `outcomes` those of the last `COMMANDS_IN_FLIGHT_MAX` counters in rising
    order, `acked` the last log position the device committed.
    """

    id: int
    app: int
    user: int
    user_name: str
    name: str
    session: int
    secret_hash: bytes = field(repr=False)
    expires_ms: int
    accepted: int
    acked: int
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A device that is given a session: by app and names, as the token says. Times in ms since 1970 UTC."""

    app: int
    user: str
    device: str
    session: int
    secret_hash: bytes = field(repr=False)
    now_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An active member: sees records from `first` on; `read` and `delivered` are sequence numbers.

    Who becomes a member (again) starts with both at `first` - 1.
    """

    user: int
    name: str
    role: int
    first: int
    read: int
    delivered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation with its head (last sequence number) and active members in the order of user ids."""

    id: int
    app: int
    type: int
    title: str
    head: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """A user's log: positions `oldest`..`head` may still be read (`oldest` = `head` + 1: none).

    `bytes_total` is the running sum of `log_bytes` of all entries up to `head`.
    """

    head: int
    oldest: int
    bytes_total: int


class LogEntry(NamedTuple):
    """What stands at a log position, and the device that caused it (0 in all logs but its user's own).

    `digest` is the record's as it was written (`improtocol.digest`), also once it is erased; of a read mark
    it means nothing.
    """

    position: int
    device: int
    entry: Entry
    digest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConversation:
    """A conversation to be made: the id its maker drew, direct (the two users in rising order) or group.

    The id and the pair of users must be new, else the batch is `StoreBroken`.
    """

    id: int
    app: int
    type: int
    title: str
    direct_users: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """`user` becomes a member with `role`, or gets it as new role, or (`role` None) is no member any more.

    Who becomes a member sees records from the write's own sequence number on (from the next one if it makes
    no record). A new role leaves the marks as they are; removing who is no member changes nothing.
    """

    user: int
    role: int | None


class Write:
    """One decided command (or, with `device` 0, a record the server makes itself).

    Attributes:
        device, counter, digest: the idempotency key and the payload's digest (32 bits). The store must find
            `counter` to be the device's accepted one plus one (within the batch as well), else the batch is
            `StoreBroken`: core decided wrongly.
        code: 0, or a refusal (500-599): then only the outcome is kept.
        value: the result's value where no record is made.
        at_ms: server time, ms since 1970 UTC.
        author, author_name: the acting user; 0 and "" for the server. His log row names `device`.
        conversation: must exist (or be made by `create`) where an entry or a change of it is asked for, else
            the batch is `StoreBroken`.
        create: makes the conversation first.
        kind: an `improtocol.entries.Kind`, or `NO_ENTRY`. READ makes no record but a log entry with `value`
            as its seq, and moves the author's read mark (marks only rise). RECALLED erases `target` and its
            edits.
        payload, target: the record's packed payload, and the sequence number of the earlier record that it
            changes (0: none).
        media: the ids (SHA-256) of the blobs that the record shows, thumbnails included.
        recipients: users whose logs get the entry, each once.
        members, title: changes of the conversation that go with it.
        end_session: the device's session ends with this write.
    """

    # Not a dataclass: compiled, that would keep an interpreted `__init__`, and each message has a write.
    __slots__ = (
        "at_ms",
        "author",
        "author_name",
        "code",
        "conversation",
        "counter",
        "create",
        "device",
        "digest",
        "end_session",
        "kind",
        "media",
        "members",
        "payload",
        "recipients",
        "target",
        "title",
        "value",
    )

    def __init__(
        self,
        *,
        device: int,
        at_ms: int,
        counter: int = 0,
        digest: int = 0,
        code: int = 0,
        value: int = 0,
        author: int = 0,
        author_name: str = "",
        conversation: int = 0,
        create: NewConversation | None = None,
        kind: int = NO_ENTRY,
        payload: bytes = b"\xc0",
        target: int = 0,
        media: Sequence[bytes] = (),
        recipients: Sequence[int] = (),
        members: Sequence[MemberChange] = (),
        title: str | None = None,
        end_session: bool = False,
    ) -> None:
        self.device = device
        self.at_ms = at_ms
        self.counter = counter
        self.digest = digest
        self.code = code
        self.value = value
        self.author = author
        self.author_name = author_name
        self.conversation = conversation
        self.create = create
        self.kind = kind
        self.payload = payload
        self.target = target
        self.media = media
        self.recipients = recipients
        self.members = members
        self.title = title
        self.end_session = end_session


class Placed(NamedTuple):
    """Where a write came to stand: its sequence number (0: no record), and one log position per recipient.

    The positions are in the order of the recipients. `digest` is the record's.
    """

    seq: int
    positions: Sequence[int]
    digest: int = 0


@dataclass(slots=True, kw_only=True)
class Marks:
    """Watermarks that may lag: written with the next batch, and lost in a crash without harm.

    `acked`: device -> log position; `delivered`: (conversation, user) -> sequence number; `seen_ms`: device
    -> ms since 1970. They only ever rise. Those of unknown devices and of former members are ignored.
    """

    acked: Mapping[int, int] = field(default_factory=dict)
    delivered: Mapping[tuple[int, int], int] = field(default_factory=dict)
    seen_ms: Mapping[int, int] = field(default_factory=dict)


def log_bytes(payload: bytes) -> int:
    """What an entry counts in a log's `bytes_total`: its payload and about what surrounds it on the wire."""
    return len(payload) + 8
