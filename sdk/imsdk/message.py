"""Messages as the app sees them."""

from dataclasses import dataclass
from typing import TypeAlias

from improtocol import Content, Unknown, Value, read_body, unpack
from improtocol.checks import check_int
from imsdk.drafts import present
from imsdk.store.rows import GAP, UNREADABLE, FeedRow, GapReason, MessageRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Stands where messages `first` to `last` of a conversation are missing.

    `history` asks the server for them.
    """

    first: int
    last: int
    reason: GapReason


@dataclass(frozen=True, slots=True)
class Recalled:
    """Stands where a message was taken back."""


#: What a message can show: all contents, and what stands in for one.
Shown: TypeAlias = Content | Unknown | Gap | Recalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it stands now, edits and recall included.

    Attributes:
        chat: key of its conversation in this client (`Conversation.key`).
        conversation: the conversation's id at the server.
        seq: its number in the conversation. Edits, recalls, reactions and changes of members take numbers
            too; number 1 is the making of the conversation, so the first message has 2.
        sender: user id, "" for a `Gap`.
        own: sent by this user, from this device or another.
        at_ms: the server's time of it, ms since 1970 UTC.
        content: what it shows. `Unknown` when this version cannot read it: show "not supported".
        reply_to: number of the message it answers, or None.
        mentions: user ids.
        edited_ms: when it was last edited, 0 if never.
        reactions: users by emoji, in the order they reacted.
        local_id: of the outbox row it was sent by, when this device sent it.
        position: its place in `im.messages()`, 0 outside of it.
    """

    chat: int
    conversation: int
    seq: int
    sender: str
    own: bool
    at_ms: int
    content: Shown
    reply_to: int | None = None
    mentions: tuple[str, ...] = ()
    edited_ms: int = 0
    reactions: dict[str, tuple[str, ...]]
    local_id: int | None = None
    position: int = 0

    @property
    def recalled(self) -> bool:
        """It was taken back."""
        return isinstance(self.content, Recalled)


def number_in(chat: int, message: Message | int) -> int:
    """The number of a message that belongs to `chat`; of a number nobody can tell where it is from.

    Raises:
        ValueError: the message is one of another conversation.
    """
    if not isinstance(message, Message):
        check_int("message", message)
        return message
    if message.chat != chat:
        raise ValueError(f"message {message.seq} is of another conversation (its chat is {message.chat})")
    return message.seq


def message_of(row: MessageRow, conversation: int, user: str, position: int = 0) -> Message:
    """The message behind a stored row."""
    content: Shown = Recalled()
    reply_to: int | None = None
    mentions: tuple[str, ...] = ()
    if row.body is not None:
        body = read_body(unpack(row.body))
        content, reply_to, mentions = present(body.content), body.reply_to, body.mentions
    reactions: dict[str, tuple[str, ...]] = {}
    for emoji, who in row.reactions:
        reactions[emoji] = (*reactions.get(emoji, ()), who)
    return Message(
        chat=row.chat,
        conversation=conversation,
        seq=row.seq,
        sender=row.sender,
        own=row.sender == user,
        at_ms=row.at_ms,
        content=content,
        reply_to=reply_to,
        mentions=mentions,
        edited_ms=row.edited_ms,
        reactions=reactions,
        local_id=row.local,
        position=position,
    )


def message_of_feed(row: FeedRow, conversation: int, user: str) -> Message:
    """The message, or what stands in for it, behind a feed row."""
    if row.message is not None:
        return message_of(row.message, conversation, user, row.position)
    content: Shown
    if row.kind == GAP:
        last, reason = _pair(row)
        content = Gap(first=row.seq, last=last, reason=GapReason(reason))  # type: ignore[arg-type]
    elif row.kind == UNREADABLE:
        kind, why = _pair(row)
        content = Unknown(type=0, fields=(kind,), reason=why)  # type: ignore[arg-type]
    else:  # removed by a restore since
        content = Gap(first=row.seq, last=row.seq, reason=GapReason.RESTORED)
    return Message(
        chat=row.chat,
        conversation=conversation,
        seq=row.seq,
        sender=row.sender,
        own=False,
        at_ms=row.at_ms,
        content=content,
        reactions={},
        position=row.position,
    )


def _pair(row: FeedRow) -> tuple[Value, Value]:
    """What the store put beside a row of its own kind."""
    pair = unpack(row.payload or b"\x92\x00\x00")
    assert isinstance(pair, list)
    return pair[0], pair[1]
