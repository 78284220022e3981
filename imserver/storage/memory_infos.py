"""The memory store's conversation list."""

from collections.abc import Sequence

from improtocol.entries import ERASED_PAYLOAD, ConversationType, Kind, Role
from improtocol.queries import ConversationInfo
from imserver.storage.erasing import edited_message
from imserver.storage.memory_tables import Record, Room, Tables


def info_of(tables: Tables, user: int, room: Room) -> ConversationInfo:
    """`room` as it stands in the conversation list of `user`, an active member."""
    member = room.members[user]
    messages = [record for record in visible(room, user) if record.entry.kind == Kind.MESSAGE]
    unread = sum(
        record.entry.seq > member.read and record.author != user and record.entry.payload != ERASED_PAYLOAD
        for record in messages
    )
    last = None
    if messages:
        last = messages[-1].entry
        edits = [c.entry.payload for c in room.changes_of(last.seq) if c.entry.kind == Kind.EDITED]
        last = edited_message(last, edits[-1] if edits else None)
    return ConversationInfo(
        conversation=room.id,
        type=ConversationType(room.type),
        title=room.title,
        peer=peer_of(room, user, tables.user_names),
        role=Role(member.role),
        head=room.head,
        first=member.first,
        read=member.read,
        unread=unread,
        members=len(room.members),
        changed_ms=room.changed_ms,
        last=last,
    )


def peer_of(room: Room, user: int, names: dict[int, str]) -> str:
    """The other user of a direct conversation, "" in a group."""
    if room.direct_users is None:
        return ""
    low, high = room.direct_users
    return names[high if user == low else low]


def visible(room: Room, user: int) -> Sequence[Record]:
    """The records this user may see now."""
    member = room.members.get(user)
    return room.records[member.first - 1 :] if member is not None else ()
