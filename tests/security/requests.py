"""Every command and every query a client can say, aimed at a conversation, a record, a user and a blob."""

from collections.abc import Callable
from typing import NamedTuple

from improtocol import Body, Image, Media, Role, Text, queries
from improtocol import commands as c

GROUP, ELSEWHERE = 4711, 999_999


class Target(NamedTuple):
    """What a request is aimed at."""

    room: int
    seq: int = 2
    user: str = "owner"
    media: bytes = b"m" * 32


def _image(media: bytes) -> Body:
    return Body(content=Image(media=Media(id=media, size=1, mime="image/png"), width=1, height=1))


COMMANDS: dict[str, Callable[[Target], c.Action]] = {
    "post": lambda t: c.Post(conversation=t.room, body=Body(content=Text("x"))),
    "post an image": lambda t: c.Post(conversation=t.room, body=_image(t.media)),
    "edit": lambda t: c.Edit(conversation=t.room, target=t.seq, body=Body(content=Text("x"))),
    "edit to an image": lambda t: c.Edit(conversation=t.room, target=t.seq, body=_image(t.media)),
    "recall": lambda t: c.Recall(conversation=t.room, target=t.seq),
    "react": lambda t: c.React(conversation=t.room, target=t.seq, emoji="x"),
    "mark read": lambda t: c.MarkRead(conversation=t.room, seq=t.seq),
    "invite": lambda t: c.Invite(conversation=t.room, users=("mallory",)),
    "leave": lambda t: c.Leave(conversation=t.room),
    "remove": lambda t: c.Remove(conversation=t.room, user=t.user),
    "set role": lambda t: c.SetRole(conversation=t.room, user=t.user, role=Role.MEMBER),
    "rename": lambda t: c.Rename(conversation=t.room, title="x"),
}
QUERIES: dict[str, Callable[[Target], queries.Question]] = {
    "history": lambda t: queries.History(conversation=t.room),
    "history before": lambda t: queries.History(conversation=t.room, before=t.seq),
    "members": lambda t: queries.Members(conversation=t.room),
    "conversation": lambda t: queries.Conversation(conversation=t.room),
    "link": lambda t: queries.Link(conversation=t.room, seq=t.seq, media=t.media),
    "presence": lambda t: queries.Presence(users=(t.user,)),
    "upload": lambda t: queries.Upload(size=1, mime="image/png"),
    "conversations": lambda t: queries.Conversations(),
}
#: Those that name a conversation: the others are about oneself.
ABOUT_A_ROOM = tuple(QUERIES)[:5]
