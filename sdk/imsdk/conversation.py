"""A conversation as the app holds it."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from improtocol import Body, Content, ConversationType, Role, SignalKind, Text
from improtocol import commands as ask
from improtocol.checks import check_int
from improtocol.commands import Action
from improtocol.frames import Signal
from imsdk.arguments import users_of
from imsdk.errors import StorageFull, Unavailable
from imsdk.history import Page, read_history
from imsdk.media_interface import Draft
from imsdk.message import Message, message_of, number_in
from imsdk.resync import refresh_members
from imsdk.sent import Sent
from imsdk.store.rows import ChatRow, MemberRow, OutboxRow

if TYPE_CHECKING:
    from imsdk.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How far an own message has come: users whose devices have it, and users who have read it."""

    delivered: tuple[str, ...]
    read: tuple[str, ...]


class Conversation:
    """A conversation. Attributes are as they were when this object was got; `refresh` looks again.

    Commands return at once when they are durable in the outbox, with or without a network. A message is named
    by its number or as a `Message`; one of another conversation raises ValueError.

    Attributes:
        key: names it in this client, also before the server has given it an id.
        id: at the server; 0 while a direct conversation is still to be made by its first message.
        type: direct or group.
        title: of a group.
        peer: the other user of a direct conversation.
        role: one's own.
        present: one is a member.
        head: highest sequence number known here.
        unread: messages of others after one's own read mark.
        read: one's own read mark.
        last: the newest message, if any.
    """

    def __init__(self, client: "Client", row: ChatRow) -> None:
        self._client = client
        self._engine = client.engine
        self.key = row.chat
        self._take(row)

    def _take(self, row: ChatRow) -> None:
        self.id = row.id
        self.type = ConversationType(row.type)
        self.title = row.title
        self.peer = row.peer
        self.role = row.role
        self.present = row.present
        self.head = row.head
        self.unread = row.unread
        self.read = row.read
        self.last = None if row.last is None else message_of(row.last, row.id, self._engine.user)

    def __repr__(self) -> str:
        return f"<Conversation {self.title or self.peer or self.id!r}>"

    async def refresh(self) -> None:
        """Look again."""
        row = await self._engine.store.chat(self.key)
        if row is not None:
            self._take(row)

    # Sending ----------------------------------------------------------------------------------------

    async def send(
        self,
        content: Content | Draft | str,
        *,
        reply_to: Message | int | None = None,
        mentions: tuple[str, ...] | list[str] = (),
    ) -> Sent:
        """Send a message; returns when it is durable here.

        Messages of one conversation arrive in the order of these calls; text does not overtake the picture
        sent before it.

        Args:
            content: what to show. A string is text; pictures and files come from `imsdk.Image.from_file` and
                the like.
            reply_to: the message it answers.
            mentions: ids of users to mention.

        Raises:
            ValueError: the content breaks a limit; the text names it.
            StorageFull: there is no room; nothing was sent.
        """
        named = users_of(mentions)
        target = None if reply_to is None else number_in(self.key, reply_to)
        if isinstance(content, str):
            content = Text(content)
        if hasattr(content, "keep"):
            return await self._send_draft(content, target, named)
        body = Body(content=content, reply_to=target, mentions=named)
        return await self._do(ask.Post(conversation=self._ref(), body=body))

    async def _send_draft(self, draft: Draft, reply_to: int | None, mentions: tuple[str, ...]) -> Sent:
        Body(content=Text("-"), reply_to=reply_to, mentions=mentions)  # checks both before anything is copied
        kept = await self._client.keep(draft)
        facts = {"kept": asdict(kept), "reply_to": reply_to, "mentions": list(mentions)}
        text = json.dumps(facts, ensure_ascii=False)
        try:
            local = await self._engine.store.enqueue(self.key, None, text, self._engine.settings.now_ms())
        except StorageFull:
            self._client.uploads.drop(kept.file)
            raise
        self._client.uploads.expect(local)
        self._engine.draft_bell.ring()
        return Sent(self._engine, self._client.uploads, local)

    async def edit(self, message: Message | int, content: Content | str) -> Sent:
        """Replace the content of one's own message."""
        target = number_in(self.key, message)
        body = Body(content=Text(content) if isinstance(content, str) else content)
        return await self._do(ask.Edit(conversation=self._ref(), target=target, body=body))

    async def recall(self, message: Message | int) -> Sent:
        """Take a message back; its content is given out no more."""
        return await self._do(ask.Recall(conversation=self._ref(), target=number_in(self.key, message)))

    async def react(self, message: Message | int, emoji: str) -> Sent:
        """React to a message."""
        target = number_in(self.key, message)
        return await self._do(ask.React(conversation=self._ref(), target=target, emoji=emoji))

    async def unreact(self, message: Message | int, emoji: str) -> Sent:
        """Take one's reaction back."""
        target = number_in(self.key, message)
        return await self._do(ask.React(conversation=self._ref(), target=target, emoji=emoji, on=False))

    async def mark_read(self, upto: Message | int | None = None) -> Sent | None:
        """Say that everything up to a message (None: the newest) is read.

        None when there is nothing new to say. Shows here at once; goes back if the server refuses it.

        Raises:
            ValueError: no message of that number is known here yet.
        """
        await self.refresh()
        seq = self.head if upto is None else number_in(self.key, upto)
        if seq > self.head:
            if isinstance(upto, int):
                raise ValueError(f"there is no message {seq} here yet, the newest is {self.head}")
            seq = self.head  # it was there, before the server came back from a backup
        if seq <= self.read:
            return None
        return await self._do(ask.MarkRead(conversation=self._ref(), seq=seq))

    async def typing(self, typing: bool = True, *, preview: str = "") -> None:
        """Tell the others that one types, now. May be lost."""
        ref = self._ref()
        self._client.signal(Signal(kind=SignalKind.TYPING, conversation=ref, value=int(typing), text=preview))

    # Members ----------------------------------------------------------------------------------------

    async def invite(self, *users: str) -> Sent:
        """Bring users into the group."""
        return await self._do(ask.Invite(conversation=self._group(), users=users))

    async def leave(self) -> Sent:
        """Leave the group."""
        return await self._do(ask.Leave(conversation=self._group()))

    async def remove(self, user: str) -> Sent:
        """Remove a member."""
        return await self._do(ask.Remove(conversation=self._group(), user=user))

    async def rename(self, title: str) -> Sent:
        """Give the group another title."""
        return await self._do(ask.Rename(conversation=self._group(), title=title))

    async def set_role(self, user: str, role: Role) -> Sent:
        """Make a member owner, admin or plain member."""
        return await self._do(ask.SetRole(conversation=self._group(), user=user, role=role))

    async def members(self) -> tuple[MemberRow, ...]:
        """The members with role, read mark and delivered watermark.

        The server's word if it can be reached, otherwise what is known here.
        """
        engine = self._engine
        await self.refresh()
        if self.id and engine.state.online:
            with suppress(Unavailable):
                await refresh_members(engine, self.key, self.id)
        return await engine.store.members(self.key)

    async def receipt(self, message: Message | int) -> Receipt:
        """Which members have received and read a message, as far as known here."""
        seq = number_in(self.key, message)
        if not self.id:
            await self.refresh()
        rows = [row for row in await self._engine.store.members(self.key) if row.user != self._engine.user]
        fresh = self._engine.signals.delivered
        delivered = tuple(
            row.user for row in rows if max(row.delivered, fresh.get((self.id, row.user), 0)) >= seq
        )
        return Receipt(delivered=delivered, read=tuple(row.user for row in rows if row.read >= seq))

    # Reading ----------------------------------------------------------------------------------------

    async def message(self, seq: int) -> Message | None:
        """One message as it stands, if it is here."""
        check_int("seq", seq)
        row = await self._engine.store.message(self.key, seq)
        return None if row is None else message_of(row, self.id, self._engine.user)

    async def history(self, *, before: Message | int = 0, limit: int = 50, timeout_s: float = 10.0) -> Page:
        """Up to `limit` messages before `before` (0: the newest).

        From here as far as there is no hole, then from the server, in at most 20 questions. A page may be
        short or empty without being the last: see `Page`.

        Raises:
            Refused: one may not see it (any more).
        """
        check_int("limit", limit, 1)
        await self.refresh()
        before = number_in(self.key, before)
        return await read_history(self._engine, self.key, self.id, before, limit, timeout_s)

    async def pending(self) -> tuple[OutboxRow, ...]:
        """What is not acked yet, refused commands included, oldest first."""
        return await self._engine.store.pending(self.key)

    # Inside -----------------------------------------------------------------------------------------

    def _ref(self) -> int | str:
        # By the peer's name as long as it may be: that stays right when a restored server makes it anew.
        return self.peer if self.type is ConversationType.DIRECT else self.id

    def _group(self) -> int:
        if self.type is not ConversationType.GROUP:
            raise ValueError("a direct conversation has no members to change")
        return self.id

    async def _do(self, action: Action) -> Sent:
        local = await self._engine.store.enqueue(self.key, action, None, self._engine.settings.now_ms())
        self._engine.outcomes.expect(local)
        self._engine.outbox_changed()
        self._engine.changed()
        return Sent(self._engine, self._client.uploads, local)
