"""The local store, on one page: what a client keeps so that its process may be killed at any byte.

Every method is one durable transaction: when it returns it happened, when it raises it did not. Cancelling
does not interrupt one. Methods may be called from several tasks; they run one after the other.

All raise `StorageFull` when there is no room, `StorageError` when the disk fails and `Stopped` once closed.
"""

from collections.abc import Sequence
from typing import Protocol

from improtocol.commands import Action
from improtocol.entries import Entry
from improtocol.frames import Connected, Result
from improtocol.queries import ConversationInfo, HistoryPage, MemberInfo
from imsdk.store.rows import (
    ChatRow,
    Committed,
    FeedRow,
    GapReason,
    HistoryRows,
    Identity,
    MemberRow,
    MessageRow,
    OutboxRow,
    Settled,
)


class Store(Protocol):
    """One user's data on one device."""

    async def open(self, device: str) -> Identity:
        """Open, migrate and say who this is; `device` names a store that is new.

        Raises `StorageLocked`, `StorageNewer`.
        """
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...

    async def identity(self) -> Identity:
        """As it stands."""
        ...

    # The session ------------------------------------------------------------------------------------

    async def attach(self, frame: Connected) -> Identity:
        """Keep a new session.

        On a store that never had one, unacked commands are counted anew after `accepted`.
        """
        ...

    async def detach(self) -> None:
        """Forget session and secret; cursor, counters and data stay."""
        ...

    async def skip_counters(self, accepted: int) -> None:
        """The server has accepted counters this store never gave (it was rolled back): go on behind them."""
        ...

    async def save_heartbeat(self, state: str) -> None:
        """Keep what the heartbeat has learned."""
        ...

    # The log ----------------------------------------------------------------------------------------

    async def commit_events(
        self,
        entries: Sequence[Entry],
        end: int,
        delivered: Sequence[tuple[int, str, int]] = (),
        proof: tuple[int, int | None] = (0, None),
    ) -> Committed:
        """Apply entries and move the cursor to `end`, in one transaction.

        Delivered watermarks (conversation, user, seq) ride along. `proof` is the base and the sum before
        these entries; what they add goes with them.
        """
        ...

    async def rewind(self, position: int, upto: int) -> None:
        """Move the cursor back to `position`; entries up to `upto` then take the place of what is here."""
        ...

    async def feed_mark(self) -> int:
        """The newest feed row of this moment, for `close_holes`."""
        ...

    async def close_holes(self, mark: int) -> None:
        """The head that was quoted at the moment of `mark` is reached: release what waits in vain."""
        ...

    async def take_infos(
        self, infos: Sequence[ConversationInfo], *, all_pages: bool = False
    ) -> tuple[tuple[int, int], ...]:
        """Take over lines of the conversation list; returns (chat, id) of those whose newest page is due.

        What is known of newer records stays, and so does an own mark that goes further; not with `all_pages`,
        when the server may have lost them.
        """
        ...

    async def take_newest(self, chat: int, page: HistoryPage, reason: GapReason) -> None:
        """Apply the newest page after a RESYNC, a gap row in the feed before it if something is missing."""
        ...

    async def take_history(self, chat: int, page: HistoryPage, before: int) -> None:
        """Apply a history page asked for by the app."""
        ...

    async def take_members(self, chat: int, members: Sequence[MemberInfo], head: int) -> bool:
        """Take over a whole member list, asked for when `head` was the highest number here.

        Changes up to there are in it, and count no more when they come in a page.

        Nothing is taken, and False returned, when the log has moved on meanwhile: it may know better.
        """
        ...

    async def end_resync(
        self,
        *,
        cursor: int,
        head: int,
        epoch: int,
        present: Sequence[int],
        accepted: int,
        forgotten: bool,
        restored: bool,
    ) -> None:
        """Move the cursor into `epoch`; conversations not in `present` are no longer one's own.

        What the log says from `cursor` up to `head`, where the snapshot was taken, then takes the place of
        what is here, as after `rewind`.

        The server had carried out commands up to counter `accepted` before it was asked for `present`; if it
        has `forgotten` acked ones, unacked ones are counted anew after it. `restored`: direct conversations
        that are not there any more are made anew by the next message.
        """
        ...

    # The outbox -------------------------------------------------------------------------------------

    async def enqueue(self, chat: int, action: Action | None, draft: str | None, now_ms: int) -> int:
        """Add a command, or a draft; returns its local id."""
        ...

    async def window(self, after: int, limit: int) -> tuple[tuple[int, Action], ...]:
        """Up to `limit` numbered commands after counter `after`."""
        ...

    async def settle(self, results: Sequence[Result]) -> tuple[Settled, ...]:
        """Commit results of commands."""
        ...

    async def make_ready(self, local: int, action: Action) -> None:
        """A draft's upload is finished."""
        ...

    async def fail(self, local: int, code: int, reason: str) -> None:
        """A draft is refused for good."""
        ...

    async def save_progress(self, local: int, progress: str) -> None:
        """Keep an upload's progress."""
        ...

    async def drafts(self) -> tuple[OutboxRow, ...]:
        """Drafts whose upload is not finished, oldest first."""
        ...

    async def pending(self, chat: int | None = None) -> tuple[OutboxRow, ...]:
        """Commands and drafts not acked, refused ones included, oldest first."""
        ...

    async def outbox_row(self, local: int) -> OutboxRow | None:
        """One row, also if it was discarded; None when it is acked (or never was)."""
        ...

    async def last_local(self) -> int:
        """The last local id given, 0 before the first."""
        ...

    async def discard(self, local: int) -> bool:
        """Take back a draft that has no counter yet, or forget a refused command. Tells if there was one."""
        ...

    # Reading ----------------------------------------------------------------------------------------

    async def chats(self, limit: int) -> tuple[ChatRow, ...]:
        """The conversation list, the last active first."""
        ...

    async def chat(self, chat: int) -> ChatRow | None:
        """One conversation."""
        ...

    async def chat_of(self, conversation: int) -> int | None:
        """The key of a conversation by its id."""
        ...

    async def chat_with(self, peer: str) -> int:
        """The key of the direct conversation with `peer`, made when it is new."""
        ...

    async def new_group(self, conversation: int, title: str, now_ms: int, action: Action) -> tuple[int, int]:
        """Make a group here and enqueue `action`, which makes it there; returns its key and the local id."""
        ...

    async def stale_chats(self, limit: int, after: int = 0) -> tuple[tuple[int, int], ...]:
        """(chat, id) of conversations whose title and members have to be asked for, by key after `after`."""
        ...

    async def members(self, chat: int) -> tuple[MemberRow, ...]:
        """The members known here."""
        ...

    async def message(self, chat: int, seq: int) -> MessageRow | None:
        """One message as it stands."""
        ...

    async def message_by_local(self, local: int) -> MessageRow | None:
        """The message an outbox row became."""
        ...

    async def history(self, chat: int, before: int, limit: int) -> HistoryRows:
        """Messages before `before` (0: the newest), as far as they are here without a hole."""
        ...

    async def feed(self, after: int, limit: int, *, messages: bool) -> tuple[FeedRow, ...]:
        """Up to `limit` rows after a position: messages, gaps and unreadable ones, or else all the others."""
        ...

    async def feed_head(self) -> int:
        """The last position given."""
        ...

    async def done(self, position: int) -> None:
        """The app has done with everything up to `position`. Never moves back."""
        ...
