"""Commands: what a client asks to happen, in the imperative; each becomes one log record or one refusal.

On the wire `[COMMAND, counter, op, arg, ..., conversation]`. `conversation` is an id, or a user's id for the
direct conversation with that user (made when it is not there yet, so a first message needs no round trip). It
comes last because it is left out when it is the same as in the command before on this connection.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from improtocol import limits
from improtocol.body import Body
from improtocol.checks import check_bool, check_int, check_line, check_name
from improtocol.group_commands import Create, Invite, Leave, Remove, Rename, SetRole

__all__ = [
    "Action",
    "ConversationRef",
    "Create",
    "Edit",
    "Invite",
    "Leave",
    "Logout",
    "MarkRead",
    "Op",
    "Post",
    "React",
    "Recall",
    "Remove",
    "Rename",
    "SetRole",
    "check_conversation",
]

#: A conversation's id, or the id of the user at the other end of a direct conversation.
ConversationRef: TypeAlias = int | str


class Op(IntEnum):
    """The commands' numbers on the wire."""

    POST = 1
    EDIT = 2
    RECALL = 3
    REACT = 4
    READ = 5
    CREATE = 6
    INVITE = 7
    LEAVE = 8
    REMOVE = 9
    SET_ROLE = 10
    RENAME = 11
    LOGOUT = 12


def check_conversation(value: object) -> None:
    """`value` refers to a conversation: an id of 53 bits, or a user's id."""
    if type(value) is str:
        check_name("user", value, limits.USER_BYTES_MAX)
    else:
        check_int("conversation", value, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Post a message. Result: its sequence number."""

    conversation: ConversationRef
    body: Body

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        _check_body(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replace the body of one's own message. Result: the edit's own sequence number."""

    conversation: ConversationRef
    target: int
    body: Body

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        check_int("target", self.target, 1)
        _check_body(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Take one's own message back (admins: anybody's); its body is given out no more. Result: its own seq."""

    conversation: ConversationRef
    target: int

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        check_int("target", self.target, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """Set or take back one's reaction to a message. Result: a sequence number."""

    conversation: ConversationRef
    target: int
    emoji: str
    on: bool = True

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        check_int("target", self.target, 1)
        check_line("emoji", self.emoji, limits.EMOJI_BYTES_MAX)
        check_bool("on", self.on)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRead:
    """Say that everything up to `seq` is read. Never moves back. Result: the mark as it stands."""

    conversation: ConversationRef
    seq: int

    def __post_init__(self) -> None:
        check_conversation(self.conversation)
        check_int("seq", self.seq, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logout:
    """End this session: its secret is worthless once the result is sent, and its connection is closed."""


Action: TypeAlias = (
    Post | Edit | Recall | React | MarkRead | Create | Invite | Leave | Remove | SetRole | Rename | Logout
)


def _check_body(body: object) -> None:
    if type(body) is not Body:
        raise ValueError(f"body must be a Body, not {type(body).__name__}")
