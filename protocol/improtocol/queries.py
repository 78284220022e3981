"""Queries, which change nothing, and what their replies hold.

A query travels as `[QUERY, id, op, argument, ...]` and is answered by `[REPLY, id, payload]`. Each class here
knows its wire form in both directions: `arguments()` / `question_from()` for questions,
`to_payload()` / `from_value()` for answers.
"""

from improtocol.answers import (
    ConversationInfo,
    ConversationsPage,
    HistoryPage,
    MediaLink,
    MemberInfo,
    MembersPage,
    PresenceList,
    UploadSlot,
)
from improtocol.questions import (
    Conversation,
    Conversations,
    History,
    Link,
    Members,
    Presence,
    QueryOp,
    Question,
    Upload,
    question_from,
)

__all__ = [
    "Conversation",
    "ConversationInfo",
    "Conversations",
    "ConversationsPage",
    "History",
    "HistoryPage",
    "Link",
    "MediaLink",
    "MemberInfo",
    "Members",
    "MembersPage",
    "Presence",
    "PresenceList",
    "QueryOp",
    "Question",
    "Upload",
    "UploadSlot",
    "question_from",
]
