"""What the fake server answers to a query. Nothing here changes the world."""

from improtocol import Code, ConversationType, Entry, Kind, Role, media_of, pack, read_entry, unpack
from improtocol import queries as q
from improtocol.commands import ConversationRef
from improtocol.entries import Edited, Posted
from imsdk.testing.commands import Refused
from imsdk.testing.world import ConversationState, World, replace_payload


def find(world: World, user: str, ref: ConversationRef) -> ConversationState:
    """The conversation, or a refusal that does not tell foreign from missing."""
    conversation = world.find(user, ref)
    if conversation is None:
        raise Refused(Code.NOT_FOUND, "no such conversation")
    return conversation


def history(world: World, user: str, question: q.History) -> q.HistoryPage:
    """A page of records, and behind it those of the later changes to them that decide."""
    conversation = find(world, user, question.conversation)
    since = conversation.since[user]
    before = min(question.before or conversation.head + 1, conversation.head + 1)
    first = max(since, before - question.limit)
    page = conversation.records[first - 1 : before - 1] if before > first else []
    newest: dict[tuple[object, ...], Entry] = {}
    for seq, target in conversation.targets.items():
        if seq >= max(before, since) and first <= target < before:
            entry = conversation.records[seq - 1]
            # All but the last byte of a reaction's payload say to what it is and which.
            which = (entry.sender, entry.payload[:-1]) if entry.kind == Kind.REACTED else ()
            newest[target, entry.kind, *which] = entry
    changes = sorted(newest.values(), key=lambda entry: entry.seq)
    return q.HistoryPage(entries=(*page, *changes), first=first, complete=first <= since)


def conversations(world: World, user: str, question: q.Conversations) -> q.ConversationsPage:
    """A page of the list, the last active first, or by id."""
    mine = [info(state, user) for state in world.conversations.values() if user in state.members]
    if (after := question.after) is not None:
        mine = [line for line in mine if line.conversation > after]
        mine.sort(key=lambda line: line.conversation)
    else:
        mine.sort(key=_activity, reverse=True)
    if question.before_ms or question.before_id:
        mine = [line for line in mine if _activity(line) < (question.before_ms, question.before_id)]
    page = tuple(mine[: question.limit])
    return q.ConversationsPage(head=world.log(user).head, conversations=page, complete=len(page) == len(mine))


def _activity(line: q.ConversationInfo) -> tuple[int, int]:
    return line.changed_ms, line.conversation


def info(conversation: ConversationState, user: str) -> q.ConversationInfo:
    """One line of `user`'s conversation list."""
    since, read = conversation.since[user], conversation.read.get(user, 0)
    messages = [entry for entry in conversation.records[since - 1 :] if entry.kind == Kind.MESSAGE]
    unread = [
        entry
        for entry in messages
        if entry.seq > read and entry.sender != user and entry.seq not in conversation.recalled
    ]
    direct = conversation.type is ConversationType.DIRECT
    return q.ConversationInfo(
        conversation=conversation.id,
        type=conversation.type,
        title=conversation.title,
        peer=next(other for other in conversation.members if other != user) if direct else "",
        role=conversation.members[user],
        head=conversation.head,
        first=since,
        read=read,
        unread=len(unread),
        members=len(conversation.members),
        changed_ms=conversation.records[-1].at_ms,
        last=as_it_stands(conversation, messages[-1]) if messages else None,
    )


def as_it_stands(conversation: ConversationState, message: Entry) -> Entry:
    """`message` with the body of its latest edit."""
    for seq, target in reversed(conversation.targets.items()):
        entry = conversation.records[seq - 1]
        if target == message.seq and entry.kind == Kind.EDITED and isinstance(read_entry(entry), Edited):
            value = unpack(entry.payload)
            assert isinstance(value, list)
            return replace_payload(message, pack(value[1]))
    return message


def members(world: World, user: str, question: q.Members) -> q.MembersPage:
    """A page of members in the order of their ids."""
    conversation = find(world, user, question.conversation)
    after = [name for name in sorted(conversation.members) if name > question.after]
    page = tuple(
        q.MemberInfo(
            user=name,
            role=Role(conversation.members[name]),
            read=conversation.read.get(name, 0),
            delivered=conversation.delivered.get(name, 0),
        )
        for name in after[: question.limit]
    )
    return q.MembersPage(members=page, complete=len(page) == len(after))


def check_link(world: World, user: str, question: q.Link) -> None:
    """May `user` fetch this blob, which that record shows? Raises `Refused` otherwise."""
    conversation = find(world, user, question.conversation)
    if conversation.since[user] <= question.seq <= conversation.head and question.media in world.blobs:
        meaning = read_entry(conversation.records[question.seq - 1])
        if isinstance(meaning, Posted | Edited) and question.media in media_of(meaning.body.content):
            return
        # The current body of an edited message counts as its own.
        message = conversation.message(question.seq)
        if message is not None and question.media in as_it_stands(conversation, message).payload:
            return
    raise Refused(Code.NOT_FOUND, "no such media")


def acquainted(world: World, user: str, other: str) -> bool:
    """Do the two share a conversation, so that one may know of the other's presence?"""
    return any(
        user in conversation.members and other in conversation.members
        for conversation in world.conversations.values()
    )


def pack_info(line: q.ConversationInfo) -> bytes:
    """The reply to a question after one conversation."""
    return pack(line.to_value())
