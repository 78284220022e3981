"""The `Store`: the one page that says what the server keeps, and what it may rely on.

A store is written by one server at a time. `append` is the only hot writer: one call, one durable transaction. It places records
(the next sequence number of their conversation) and log entries (the next position of each recipient's log), and
remembers the outcome under (device, counter) in the same transaction, which is what makes a retry harmless (G2).

Every implementation passes `tests/contracts/`. Ids of apps, users and devices are the store's own, from 1 up; ids of
conversations and sessions are 53 random bits drawn by the caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from improtocol.entries import Entry
from improtocol.queries import ConversationInfo, MemberInfo

#: `Write.kind` when the command makes neither a record nor a read mark.
NO_ENTRY: Final = -1


class StoreFull(Exception):
    """There is no room. The transaction was rolled back whole, reads go on, the same call may succeed later."""


class StoreBroken(Exception):
    """An I/O error, corruption or a broken invariant: no further ack is allowed, the process must end (G7)."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the command under `counter`: the original result that a retry gets."""

    counter: int
    digest: int
    code: int
    value: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of a user with its current session, and its command stream, which outlives sessions.

    `session` is 0 and `secret_hash` empty once the session was ended. `accepted` is the last counter accepted, `outcomes` those of
    the last `COMMANDS_IN_FLIGHT_MAX` counters in rising order, `acked` the last log position the device committed.
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
class Member:
    """An active member: sees records from `first` on; `read` and `delivered` are sequence numbers."""

    user: int
    name: str
    role: int
    first: int
    read: int
    delivered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation with its head (last sequence number) and active members."""

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


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One log position with what stands there, and the device that caused it (0 in all logs but its user's own)."""

    position: int
    device: int
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConversation:
    """A conversation to be made: the id its maker drew, direct (with the two users in rising order) or group."""

    id: int
    app: int
    type: int
    title: str
    direct_users: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """`user` becomes a member with `role`, or gets it as new role, or (`role` None) is no member any more.

    Who becomes a member sees records from the write's own sequence number on.
    """

    user: int
    role: int | None


@dataclass(slots=True, kw_only=True)
class Write:
    """One decided command (or, with `device` 0, a record the server makes itself).

    Attributes:
        device, counter, digest: the idempotency key and the payload's digest. The store must find `counter` to be the device's
            accepted one plus one (within the batch as well), else the batch is `StoreBroken`: core decided wrongly.
        code: 0, or a refusal (500-599): then only the outcome is kept.
        value: the result's value where no record is made.
        at_ms: server time, ms since 1970 UTC.
        author: the acting user's id; 0 for the server. His log row names `device`.
        create: makes the conversation first.
        kind: an `improtocol.Kind`, or `NO_ENTRY`. READ makes no record but a log entry with `value` as its seq, and
            moves the author's read mark.
        payload, target: the record's packed payload, and the sequence number it changes (0: none).
        recipients: users whose logs get the entry, each once.
        members, title: changes of the conversation that go with it.
        end_session: the device's session ends with this write.
    """

    device: int
    counter: int = 0
    digest: int = 0
    code: int = 0
    value: int = 0
    at_ms: int
    author: int = 0
    author_name: str = ""
    conversation: int = 0
    create: NewConversation | None = None
    kind: int = NO_ENTRY
    payload: bytes = b"\xc0"
    target: int = 0
    recipients: Sequence[int] = ()
    members: Sequence[MemberChange] = ()
    title: str | None = None
    end_session: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a write came to stand: its sequence number (0: no record) and one log position per recipient, in their order."""

    seq: int
    positions: Sequence[int]


@dataclass(slots=True, kw_only=True)
class Marks:
    """Watermarks that may lag: written with the next batch, and lost in a crash without harm.

    `acked`: device -> log position; `delivered`: (conversation, user) -> sequence number; `seen_ms`: device -> time.
    They only ever rise.
    """

    acked: Mapping[int, int] = field(default_factory=dict)
    delivered: Mapping[tuple[int, int], int] = field(default_factory=dict)
    seen_ms: Mapping[int, int] = field(default_factory=dict)


def log_bytes(payload: bytes) -> int:
    """What an entry counts in a log's `bytes_total`: its payload and about what surrounds it on the wire."""
    return len(payload) + 8


class Store(Protocol):
    """See the module. Reads see every append that has returned. No method may be called after `close`.

    Cancellation: a cancelled write still happens or not as a whole; the caller learns it by reading.
    Every method may raise `StoreBroken`; those that write also `StoreFull`.
    """

    @property
    def epoch(self) -> int:
        """Random 32 bits (at least 1) drawn when the store was made or restored from a backup (G13)."""

    # Writing
    async def append(self, writes: Sequence[Write], marks: Marks | None = None) -> list[Placed]:
        """Carry out `writes` in order in one durable transaction; nothing of it is visible before it is durable."""

    async def login(
        self, *, app: int, user: str, device: str, session: int, secret_hash: bytes, now_ms: int, expires_ms: int
    ) -> Device:
        """Give (app, user, device) this session, making user and device if new. An earlier session of it is gone."""

    async def ensure_users(self, app: int, names: Sequence[str]) -> dict[str, int]:
        """The ids of these users; those that never came are made."""

    async def extend_sessions(self, expires_ms: Mapping[int, int]) -> None:
        """Set the expiry of devices' sessions (device id -> ms since 1970)."""

    async def trim_logs(self, *, before_ms: int, positions_kept_max: int) -> int:
        """Drop log entries older than `before_ms` or beyond the newest `positions_kept_max` of a user.

        Records stay, a log's head stays, positions are never given twice. Returns how many entries went.
        """

    async def put_app(self, name: str, *, now_ms: int, media_bytes_max: int) -> App:
        """Make an app. Raises `ValueError` when the name is taken."""

    async def put_key(self, key: AppKey) -> None:
        """Add a key, or replace the one with the same (app, kid)."""

    # Reading
    async def apps(self) -> list[App]: ...

    async def keys(self) -> list[AppKey]:
        """All keys of all apps, revoked ones included."""

    async def user_ids(self, app: int, names: Sequence[str]) -> dict[str, int]:
        """The ids of those of these users that exist."""

    async def devices(self, sessions: Sequence[int]) -> dict[int, Device]:
        """The devices with these session ids, by session id; unknown ones are missing."""

    async def device_sessions(self, user: int) -> list[Device]:
        """All devices of a user, without outcomes."""

    async def log_heads(self, users: Sequence[int]) -> dict[int, LogHead]:
        """The heads of these users' logs; an empty log has head 0 and oldest 1."""

    async def log_bytes_total(self, user: int, position: int) -> int:
        """The `bytes_total` at `position` of a log, or at the nearest earlier position that is there (0: none)."""

    async def log_range(self, user: int, after: int, *, limit: int, bytes_max: int) -> list[LogEntry]:
        """Up to `limit` entries (or about `bytes_max` bytes of payload, at least one entry) after position `after`, in order.

        Recalled messages come with `ERASED_PAYLOAD` in place of their own, edits of them with `[target, nil]`.
        """

    async def conversation(self, id: int) -> Conversation | None: ...

    async def direct_conversation(self, app: int, users: tuple[int, int]) -> int | None:
        """The id of the direct conversation of two users, in rising order."""

    async def history(self, conversation: int, *, first: int, before: int, limit: int) -> tuple[list[Entry], int]:
        """Records with `first` <= seq < `before` (0: no upper end): the newest `limit`, then later changes to any of them.

        Returns the entries, page first in rising order, then changes (seq beyond the page, target inside it) in rising
        order, and the lowest seq of the page (`first` when it is empty). Recalled ones are erased as in `log_range`.
        """

    async def record(self, conversation: int, seq: int) -> Entry | None:
        """One record, erased if it was recalled."""

    async def conversation_infos(
        self, user: int, *, before_ms: int, before_id: int, limit: int
    ) -> tuple[list[ConversationInfo], bool]:
        """The user's conversations, last active first (ties: higher id first), strictly before (`before_ms`, `before_id`)
        (0, 0: from the top); and whether that is all there is."""

    async def conversation_info(self, user: int, conversation: int) -> ConversationInfo | None:
        """One line of that list, None unless `user` is an active member."""

    async def member_infos(
        self, conversation: int, *, after: str, limit: int
    ) -> tuple[list[MemberInfo], bool]:
        """Active members in the order of their names, after `after`; and whether that is all."""

    async def share_conversation(self, user: int, others: Sequence[int]) -> set[int]:
        """Those of `others` who are an active member of a conversation that `user` is an active member of."""

    async def last_seen_ms(self, users: Sequence[int]) -> dict[int, int]:
        """When a device of each of these users was last seen, ms since 1970; unknown ones are missing."""

    async def close(self) -> None:
        """Finish what is under way and give everything back. May be called twice."""
