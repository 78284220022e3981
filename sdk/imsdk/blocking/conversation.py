"""A conversation, for callers that block."""

import imsdk
from imsdk.blocking.portal import Portal
from imsdk.blocking.sent import Sent
from imsdk.media_interface import Draft


class Conversation:
    """As `imsdk.Conversation`. Attributes are as they were when this was got; `refresh` looks again."""

    def __init__(self, portal: Portal, chat: imsdk.Conversation) -> None:
        self._portal = portal
        self._chat = chat

    def __repr__(self) -> str:
        return repr(self._chat)

    @property
    def key(self) -> int:
        return self._chat.key

    @property
    def id(self) -> int:
        return self._chat.id

    @property
    def type(self) -> imsdk.ConversationType:
        return self._chat.type

    @property
    def title(self) -> str:
        return self._chat.title

    @property
    def peer(self) -> str:
        return self._chat.peer

    @property
    def role(self) -> imsdk.Role:
        return self._chat.role

    @property
    def present(self) -> bool:
        return self._chat.present

    @property
    def head(self) -> int:
        return self._chat.head

    @property
    def unread(self) -> int:
        return self._chat.unread

    @property
    def read(self) -> int:
        return self._chat.read

    @property
    def last(self) -> imsdk.Message | None:
        return self._chat.last

    def refresh(self) -> None:
        self._portal.call(self._chat.refresh)

    # Sending ---------------------------------------------------------------------------------------

    def send(
        self,
        content: imsdk.Content | Draft | str,
        *,
        reply_to: imsdk.Message | int | None = None,
        mentions: tuple[str, ...] | list[str] = (),
    ) -> Sent:
        return self._sent(self._portal.call(self._chat.send, content, reply_to=reply_to, mentions=mentions))

    def edit(self, message: imsdk.Message | int, content: imsdk.Content | str) -> Sent:
        return self._sent(self._portal.call(self._chat.edit, message, content))

    def recall(self, message: imsdk.Message | int) -> Sent:
        return self._sent(self._portal.call(self._chat.recall, message))

    def react(self, message: imsdk.Message | int, emoji: str) -> Sent:
        return self._sent(self._portal.call(self._chat.react, message, emoji))

    def unreact(self, message: imsdk.Message | int, emoji: str) -> Sent:
        return self._sent(self._portal.call(self._chat.unreact, message, emoji))

    def mark_read(self, upto: imsdk.Message | int | None = None) -> Sent | None:
        sent = self._portal.call(self._chat.mark_read, upto)
        return None if sent is None else self._sent(sent)

    def typing(self, typing: bool = True, *, preview: str = "") -> None:
        self._portal.call(self._chat.typing, typing, preview=preview)

    # Members ---------------------------------------------------------------------------------------

    def invite(self, *users: str) -> Sent:
        return self._sent(self._portal.call(self._chat.invite, *users))

    def leave(self) -> Sent:
        return self._sent(self._portal.call(self._chat.leave))

    def remove(self, user: str) -> Sent:
        return self._sent(self._portal.call(self._chat.remove, user))

    def rename(self, title: str) -> Sent:
        return self._sent(self._portal.call(self._chat.rename, title))

    def set_role(self, user: str, role: imsdk.Role) -> Sent:
        return self._sent(self._portal.call(self._chat.set_role, user, role))

    def members(self) -> tuple[imsdk.MemberRow, ...]:
        return self._portal.call(self._chat.members)

    def receipt(self, message: imsdk.Message | int) -> imsdk.Receipt:
        return self._portal.call(self._chat.receipt, message)

    # Reading ---------------------------------------------------------------------------------------

    def message(self, seq: int) -> imsdk.Message | None:
        return self._portal.call(self._chat.message, seq)

    def history(
        self, *, before: imsdk.Message | int = 0, limit: int = 50, timeout_s: float = 10.0
    ) -> imsdk.Page:
        return self._portal.call(self._chat.history, before=before, limit=limit, timeout_s=timeout_s)

    def pending(self) -> tuple[imsdk.OutboxRow, ...]:
        return self._portal.call(self._chat.pending)

    def _sent(self, sent: imsdk.Sent) -> Sent:
        return Sent(self._portal, sent)
