"""What a client may ask, as `QUERY` frames carry it."""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from improtocol import limits
from improtocol.checks import check_bytes, check_int, check_name, check_text
from improtocol.commands import ConversationRef, check_conversation
from improtocol.fields import trim_fields
from improtocol.values import Value


class QueryOp(IntEnum):
    """The questions' numbers on the wire."""

    HISTORY = 1
    CONVERSATIONS = 2
    MEMBERS = 3
    UPLOAD = 4
    LINK = 5
    PRESENCE = 6
    CONVERSATION = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Up to `limit` records before sequence number `before` (0: the newest), and what changed them later.

    Reply: `HistoryPage`.
    """

    OP = QueryOp.HISTORY
    conversation: ConversationRef
    before: int = 0
    limit: int = 50

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        check_int("before", self.before)
        check_int("limit", self.limit, 1, limits.PAGE_MAX)

    def arguments(self) -> tuple[Value, ...]:
        return tuple(trim_fields([self.conversation, self.before, self.limit], [0, 50]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """Up to `limit` conversations, the last active first, from before (`before_ms`, `before_id`) on.

    0, 0: the first page. With `after` those of higher ids, lowest first: whoever wants all of them asks so,
    as what happens between two pages moves nothing. Reply: `ConversationsPage`.
    """

    OP = QueryOp.CONVERSATIONS
    before_ms: int = 0
    before_id: int = 0
    limit: int = 50
    after: int | None = None

    def __post_init__(self) -> None:
        check_int("before_ms", self.before_ms)
        check_int("before_id", self.before_id)
        check_int("limit", self.limit, 1, limits.PAGE_MAX)
        if self.after is not None:
            check_int("after", self.after)
            if self.before_ms or self.before_id:
                raise ValueError("a list goes by activity or by id: `before_…` or `after`, not both")

    def arguments(self) -> tuple[Value, ...]:
        said: list[Value] = [self.before_ms, self.before_id, self.limit, self.after]
        return tuple(trim_fields(said, [0, 0, 50, None]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Up to `limit` members after user `after` in the order of their ids. Reply: `MembersPage`."""

    OP = QueryOp.MEMBERS
    conversation: ConversationRef
    after: str = ""
    limit: int = limits.PAGE_MAX

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        check_text("after", self.after, limits.USER_BYTES_MAX, empty=True)
        check_int("limit", self.limit, 1, limits.PAGE_MAX)

    def arguments(self) -> tuple[Value, ...]:
        return tuple(trim_fields([self.conversation, self.after, self.limit], ["", limits.PAGE_MAX]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """May I upload `size` bytes? Reply: `UploadSlot`."""

    OP = QueryOp.UPLOAD
    size: int
    mime: str
    name: str = ""

    def __post_init__(self) -> None:
        check_int("size", self.size, 1, limits.MEDIA_BYTES_MAX)
        check_name("mime", self.mime, limits.MIME_BYTES_MAX)
        check_text("name", self.name, limits.NAME_BYTES_MAX, empty=True)

    def arguments(self) -> tuple[Value, ...]:
        return tuple(trim_fields([self.size, self.mime, self.name], [""]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where can I fetch `media`, which record `seq` of `conversation` shows? Reply: `MediaLink`."""

    OP = QueryOp.LINK
    conversation: ConversationRef
    seq: int
    media: bytes

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        check_int("seq", self.seq, 1)
        check_bytes("media", self.media, limits.MEDIA_ID_BYTES, limits.MEDIA_ID_BYTES)

    def arguments(self) -> tuple[Value, ...]:
        return self.conversation, self.seq, self.media


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Are these users there? Only users one shares a conversation with are told of. Reply: `PresenceList`."""

    OP = QueryOp.PRESENCE
    users: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.users) <= limits.WATCHED_USERS_MAX:
            raise ValueError(f"ask for 1..{limits.WATCHED_USERS_MAX} users")
        for user in self.users:
            check_name("user", user, limits.USER_BYTES_MAX)

    def arguments(self) -> tuple[Value, ...]:
        return (list(self.users),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation, by id or by the peer's user id. Reply: `ConversationInfo`."""

    OP = QueryOp.CONVERSATION
    conversation: ConversationRef

    def __post_init__(self) -> None:
        check_conversation(self.conversation)

    def arguments(self) -> tuple[Value, ...]:
        return (self.conversation,)


Question: TypeAlias = History | Conversations | Members | Upload | Link | Presence | Conversation
_QUESTIONS: Final[dict[int, type[Question]]] = {
    int(question.OP): question
    for question in (History, Conversations, Members, Upload, Link, Presence, Conversation)
}


def question_from(op: int, arguments: Sequence[Value]) -> Question:
    """The question of a QUERY frame. Raises `ValueError` when it is unknown or an argument breaks a rule."""
    kind = _QUESTIONS.get(op)
    if kind is None:
        raise ValueError(f"query {op} is unknown to this version")
    fields = kind.__dataclass_fields__
    given = dict(zip(fields, arguments, strict=False))
    if kind is Presence:
        users = given.get("users")
        if not isinstance(users, list):
            raise ValueError("users must be a list")
        return Presence(users=tuple(users))  # type: ignore[arg-type]
    for name, field in fields.items():
        if name not in given and field.default is MISSING:
            raise ValueError(f"query {QueryOp(op).name} takes {', '.join(fields)}; {name} is missing")
    return kind(**given)  # type: ignore[arg-type]
