"""The `Store`: the one page that says what the server keeps, and what it may rely on.

A store is written by one server at a time. `append` is the only hot writer: one call, one durable
transaction. It places records (the next sequence number of their conversation) and log entries (the next
position of each recipient's log), and remembers the outcome under (device, counter) in the same
transaction, which is what makes a retry harmless (G2).

Every implementation passes `tests/contracts/`. What goes in and comes out is in `model`.
"""

from collections.abc import Mapping, Sequence
from typing import NoReturn, Protocol

from improtocol.entries import Entry
from improtocol.queries import ConversationInfo, MemberInfo
from imserver.storage.blobs import Blob, MediaIndex
from imserver.storage.model import (
    NO_ENTRY,
    App,
    AppKey,
    Conversation,
    Device,
    LogEntry,
    LogHead,
    Login,
    Marks,
    Member,
    MemberChange,
    NewConversation,
    Outcome,
    Placed,
    StoreBroken,
    StoreFull,
    Write,
    log_bytes,
)
from imserver.storage.paging import PAGE_BYTES_MAX

__all__ = [
    "NO_ENTRY",
    "PAGE_BYTES_MAX",
    "App",
    "AppKey",
    "Blob",
    "Conversation",
    "Device",
    "LogEntry",
    "LogHead",
    "Login",
    "Marks",
    "Member",
    "MemberChange",
    "NewConversation",
    "Outcome",
    "Placed",
    "Store",
    "StoreBroken",
    "StoreFull",
    "Write",
    "log_bytes",
]


class Store(MediaIndex, Protocol):
    """See the module. Reads see every append that has returned. No method may be called after `close`.

    Cancellation: a cancelled write still happens or not as a whole; the caller learns it by reading.
    Every method may raise `StoreBroken`; those that write also `StoreFull`.
    """

    @property
    def epoch(self) -> int:
        """Random 32 bits (at least 1) drawn when the store was made or restored from a backup (G13)."""

    # Writing
    async def append(self, writes: Sequence[Write], marks: Marks | None = None) -> list[Placed]:
        """Carry out `writes` in order in one durable transaction; nothing is visible before it is durable.

        Returns one `Placed` per write, in their order.
        """

    async def log_in(self, logins: Sequence[Login]) -> list[Device]:
        """Give each (app, user, device) its session, making user and device if new; it counts as seen now.

        An earlier session of the device is gone. Its command stream and cursor go on. All in one transaction,
        in their order.
        """

    async def ensure_users(self, app: int, names: Sequence[str]) -> dict[str, int]:
        """The ids of these users; those that never came are made."""

    async def extend_sessions(self, expires_ms: Mapping[int, int]) -> None:
        """Set the expiry of devices' sessions (device id -> ms since 1970). Ended sessions stay ended."""

    async def end_sessions(self, app: int, user: str) -> list[int]:
        """End every session of a user; returns the ids of the devices that had one, in rising order.

        As with a logout, the devices' command streams and cursors stay.
        """

    async def set_banned(self, app: int, user: str, *, banned: bool) -> None:
        """Note that this user is shut out, or is so no more. Who never came is made to be banned."""

    async def trim_logs(self, *, before_ms: int, positions_kept_max: int) -> int:
        """Drop log entries older than `before_ms` or beyond the newest `positions_kept_max` of a user.

        Only ever a log's beginning goes: an old entry behind a younger one stays (clocks jump). Records
        stay, a log's head stays, positions are never given twice. Returns how many entries went.
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

    async def banned_users(self) -> set[tuple[int, str]]:
        """(app, name) of everybody who is banned."""

    async def devices(self, sessions: Sequence[int]) -> dict[int, Device]:
        """The devices with these session ids, by session id; unknown ones are missing."""

    async def device_sessions(self, user: int) -> list[Device]:
        """All devices of a user, without outcomes."""

    async def log_heads(self, users: Sequence[int]) -> dict[int, LogHead]:
        """The heads of these users' logs; an empty log has head 0 and oldest 1."""

    async def log_range(self, user: int, after: int, *, limit: int, bytes_max: int) -> list[LogEntry]:
        """Entries after position `after`, in order: up to `limit` and `bytes_max` of payload, at least one.

        Recalled messages come with the bytes of their digest in place of their payload, edits of them with
        `[target, digest]` (`improtocol.digest.erased_payload`; nil where the digest is not known any more).
        """

    async def log_sums(self, ranges: Sequence[tuple[int, int, int, int]]) -> list[int]:
        """For each (user, device, after, to): the sum of the terms of what the device is sent of that range.

        Modulo 2^32, by the digests as they were written; without read marks, and without what the device did
        itself except CREATED. What was trimmed counts as nothing.
        """

    async def conversation(self, conversation: int) -> Conversation | None: ...

    async def direct_conversation(self, app: int, users: tuple[int, int]) -> int | None:
        """The id of the direct conversation of two users, in rising order."""

    async def history(
        self, conversation: int, *, first: int, before: int, limit: int, bytes_max: int = PAGE_BYTES_MAX
    ) -> tuple[list[Entry], int]:
        """The newest records with `first` <= seq < `before` (0: no upper end), then what changed them later.

        Of the changes only those that decide: the newest edit of a message, its recall, the newest reaction
        of each user and emoji. The page has up to `limit` records, and with the changes `bytes_max`
        (`paging`). It has at least one record if any, and of the reactions to that one the newest that fit.

        Returns the entries, page first in rising order, then changes (seq beyond the page, target inside
        it) in rising order, and the lowest seq of the page (`first` when it is empty). Recalled ones are
        erased as in `log_range`.
        """

    async def record(self, conversation: int, seq: int) -> Entry | None:
        """One record, erased if it was recalled."""

    async def conversation_infos(
        self,
        user: int,
        *,
        before: tuple[int, int] = (0, 0),
        after: int | None = None,
        limit: int,
        bytes_max: int = PAGE_BYTES_MAX,
    ) -> tuple[list[ConversationInfo], bool]:
        """The user's conversations, last active first (ties: higher id first); and whether that is all.

        Up to `limit` and `bytes_max` (`paging`), at least one if any.

        Those strictly `before` (ms of the last activity, id), or (0, 0) from the top. A conversation was last
        active when its newest record was made. With `after` those of higher ids instead, lowest first. A
        `last` that was recalled has `ERASED_PAYLOAD`.
        """

    async def conversation_info(self, user: int, conversation: int) -> ConversationInfo | None:
        """One line of that list, None unless `user` is an active member."""

    async def member_infos(
        self, conversation: int, *, after: str, limit: int
    ) -> tuple[list[MemberInfo], bool]:
        """Active members in the order of their names (code points) after `after`, and whether that is all."""

    async def share_conversation(self, user: int, others: Sequence[int]) -> set[int]:
        """Those of `others` who are an active member of a conversation that `user` is an active member of."""

    async def last_seen_ms(self, users: Sequence[int]) -> dict[int, int]:
        """When a device of each of these users was last seen, ms since 1970; unknown ones are missing."""

    async def failed(self) -> NoReturn:
        """Wait for a failure in what the store does by itself, and raise it: `StoreBroken`."""

    async def close(self) -> None:
        """Finish what is under way and give everything back. May be called twice."""
