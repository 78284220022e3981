"""What deciding needs and what it says: the facts fetched before, the refusal, and a record's write."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from improtocol import limits
from improtocol.codes import Code
from improtocol.entries import Kind
from imserver.core.conversations import Conversation
from imserver.core.users import User
from imserver.storage.store import Write

NOT_FOUND: Final = "no such conversation, or you are not in it"


class Refused(Exception):
    """The command is refused for good; its counter is used up."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        # It travels in a RESULT and may quote the peer: a character has up to 4 bytes, and NUL no place.
        self.reason = reason[: limits.REASON_BYTES_MAX // 4].replace("\0", "?")


class Target(NamedTuple):
    """A record that a command wants to change."""

    sender: str
    kind: int
    recalled: bool


@dataclass(slots=True, kw_only=True)
class Facts:
    """What the commit loop has fetched for a batch of commands before they are decided.

    `users`: ids by (app, name), of everybody they name; 0 for a user who does not exist. `targets`: the
    records they change, by (conversation, seq), None when it is not there. `media`: blobs they show, by user:
    those he may post.
    """

    users: dict[tuple[int, str], int] = field(default_factory=dict)
    targets: dict[tuple[int, int], Target | None] = field(default_factory=dict)
    media: dict[int, set[bytes]] = field(default_factory=dict)


def new_record(conversation: Conversation, author: User, kind: Kind, payload: bytes, at_ms: int) -> Write:
    """The write of a record, which takes the conversation's next number: refuse before, not after."""
    conversation.head_decided += 1
    return Write(
        device=0,
        at_ms=at_ms,
        author=author.id,
        author_name=author.name,
        conversation=conversation.id,
        kind=kind,
        payload=payload,
        recipients=conversation.recipients,
    )
