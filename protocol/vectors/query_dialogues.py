"""Golden dialogues: every query with its reply."""

from collections.abc import Iterator
from typing import Any

from improtocol import Code, ConversationType, Role, pack, unpack
from improtocol import frames as f
from improtocol import queries as q
from protocol.vectors import samples as s
from protocol.vectors.dialogues import resumed
from protocol.vectors.recorder import Dialogue


def queries() -> Iterator[Dialogue]:
    """Every query with its reply."""
    info = q.ConversationInfo(
        conversation=s.GROUP,
        type=ConversationType.GROUP,
        title="Tea",
        peer="",
        role=Role.OWNER,
        head=12,
        first=1,
        read=10,
        unread=2,
        members=3,
        changed_ms=s.AT_MS,
        last=s.message(12),
    )
    direct = q.ConversationInfo(
        conversation=77,
        type=ConversationType.DIRECT,
        title="",
        peer="u2",
        role=Role.MEMBER,
        head=0,
        first=1,
        read=0,
        unread=0,
        members=2,
        changed_ms=0,
    )
    link = "https://shop.example/media/x"
    pairs: list[tuple[q.Question, Any]] = [
        (
            q.History(conversation=s.GROUP, before=13, limit=20),
            q.HistoryPage(entries=s.ENTRIES[:3], first=1, complete=True),
        ),
        (q.Conversations(), q.ConversationsPage(head=40_013, conversations=(info, direct), complete=True)),
        (
            q.Conversations(after=info.conversation, limit=20),
            q.ConversationsPage(head=40_013, conversations=(direct,), complete=True),
        ),
        (
            q.Members(conversation=s.GROUP, after="agent-7"),
            q.MembersPage(
                members=(q.MemberInfo(user="u1", role=Role.MEMBER, read=10, delivered=12),), complete=True
            ),
        ),
        (
            q.Upload(size=48_213, mime="image/jpeg", name="kettle.jpg"),
            q.UploadSlot(url="https://shop.example/upload", ticket="ticket", expires_ms=s.AT_MS),
        ),
        (q.Link(conversation="u2", seq=3, media=s.PHOTO.id), q.MediaLink(url=link, expires_ms=s.AT_MS)),
        (q.Presence(users=("u2", "u3")), q.PresenceList(users=(("u2", True, 0), ("u3", False, s.AT_MS)))),
        (q.Conversation(conversation="u2"), direct),
    ]
    dialogue = resumed("Every query and its reply")
    for number, (question, answer) in enumerate(pairs, 1):
        name = q.QueryOp(question.OP).name.lower()
        ask = f.Query(id=number, op=int(question.OP), arguments=question.arguments())
        payload = pack(answer.to_value()) if isinstance(answer, q.ConversationInfo) else answer.to_payload()
        dialogue.client(name, ask)
        dialogue.server(f"reply to {name}", f.Reply(id=number, payload=payload), answer=answer)
        assert type(answer).from_value(unpack(payload)) == answer
    dialogue.server("refused", f.Reply(id=8, code=Code.NOT_FOUND, reason="no such conversation"))
    dialogue.server("refused for now", f.Reply(id=9, code=Code.RATE_LIMITED, retry_after_ms=1_500))
    yield dialogue
