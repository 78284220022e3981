"""What the fake server does with a command: one record, or one refusal. Decided at once, nothing waits."""

from collections.abc import Callable
from typing import Final

from improtocol import Body, Code, ConversationType, Kind, Role, media_of
from improtocol import commands as c
from improtocol.limits import MEMBERS_MAX
from imsdk.testing.world import Actor, ConversationState, World


class Refused(Exception):
    """The command is not carried out; `code` and `reason` go into its result."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def carry_out(world: World, actor: Actor, action: c.Action, at_ms: int) -> int:
    """Do what `action` says.

    Returns:
        The result's value: a sequence number, or what the command's docstring says.

    Raises:
        Refused: it is not allowed, or makes no sense.
    """
    if isinstance(action, c.Logout):
        world.end_session(world.devices[actor])
        return 0
    if isinstance(action, c.Create):
        return _create(world, actor, action, at_ms)
    if isinstance(action, c.Post):
        conversation = _find_or_create(world, actor, action.conversation, at_ms)
        _check_media(world, actor[0], action.body)
        return world.append(conversation, Kind.MESSAGE, actor, at_ms, action.body.to_value())
    return _ON_MEMBER[type(action)](world, actor, _find(world, actor, action.conversation), action, at_ms)


def _find(world: World, actor: Actor, ref: c.ConversationRef) -> ConversationState:
    if ref == actor[0]:
        raise Refused(Code.INVALID, "a direct conversation needs somebody else")
    conversation = world.find(actor[0], ref)
    if conversation is None:
        raise Refused(Code.NOT_FOUND, "no such conversation")
    return conversation


def _find_or_create(world: World, actor: Actor, ref: c.ConversationRef, at_ms: int) -> ConversationState:
    if isinstance(ref, int) or ref == actor[0] or world.find(actor[0], ref):
        return _find(world, actor, ref)
    members = {actor[0]: Role.MEMBER, ref: Role.MEMBER}
    conversation = ConversationState(world.draw_id(), ConversationType.DIRECT, members=members)
    world.create(conversation, actor, at_ms)
    return conversation


def _check_media(world: World, user: str, body: Body) -> None:
    for media in media_of(body.content):
        blob = world.blobs.get(media)
        if blob is None or not (user in blob.owners or shown_to(world, user, media)):
            raise Refused(Code.NOT_FOUND, "no such media")


def shown_to(world: World, user: str, media: bytes) -> bool:
    """Does any message that `user` may see show this blob?"""
    for conversation in world.conversations.values():
        if user not in conversation.members:
            continue
        # Bodies are searched as bytes: a media id is 32 random bytes, packed as they are.
        if any(media in entry.payload for entry in conversation.records[conversation.since[user] - 1 :]):
            return True
    return False


def _create(world: World, actor: Actor, action: c.Create, at_ms: int) -> int:
    if action.conversation in world.conversations:
        raise Refused(Code.CONFLICT, "this id is taken")
    members = {actor[0]: Role.OWNER} | {user: Role.MEMBER for user in action.members if user != actor[0]}
    group = ConversationState(action.conversation, ConversationType.GROUP, action.title, members)
    return world.create(group, actor, at_ms)


def _message(conversation: ConversationState, user: str, target: int) -> str:
    """The sender of a message that `user` may change something about."""
    entry = conversation.message(target)
    if entry is None or target < conversation.since[user] or target in conversation.recalled:
        raise Refused(Code.NOT_FOUND, "no such message")
    return entry.sender


def _need_role(conversation: ConversationState, user: str, role: Role) -> None:
    if conversation.type is ConversationType.DIRECT:
        raise Refused(Code.FORBIDDEN, "a direct conversation keeps its two members and has no title")
    if conversation.members[user] < role:
        raise Refused(Code.FORBIDDEN, f"only {role.name.lower()}s may do that")


def _edit(world: World, actor: Actor, where: ConversationState, action: c.Edit, at_ms: int) -> int:
    if _message(where, actor[0], action.target) != actor[0]:
        raise Refused(Code.FORBIDDEN, "only the sender may edit a message")
    _check_media(world, actor[0], action.body)
    payload = [action.target, action.body.to_value()]
    return world.append(where, Kind.EDITED, actor, at_ms, payload, action.target)


def _recall(world: World, actor: Actor, where: ConversationState, action: c.Recall, at_ms: int) -> int:
    sender = _message(where, actor[0], action.target)
    if sender != actor[0] and where.members[actor[0]] < Role.ADMIN:
        raise Refused(Code.FORBIDDEN, "only the sender or an admin may recall a message")
    where.erase(action.target)
    return world.append(where, Kind.RECALLED, actor, at_ms, [action.target], action.target)


def _react(world: World, actor: Actor, where: ConversationState, action: c.React, at_ms: int) -> int:
    _message(where, actor[0], action.target)
    return world.append(
        where, Kind.REACTED, actor, at_ms, [action.target, action.emoji, action.on], action.target
    )


def _read(world: World, actor: Actor, where: ConversationState, action: c.MarkRead, at_ms: int) -> int:
    if action.seq > where.head:
        raise Refused(Code.INVALID, "this message is not there yet")
    return world.mark_read(where, actor, at_ms, action.seq)


def _invite(world: World, actor: Actor, where: ConversationState, action: c.Invite, at_ms: int) -> int:
    _need_role(where, actor[0], Role.ADMIN)
    new = [user for user in action.users if user not in where.members]
    if not new:
        raise Refused(Code.CONFLICT, "all of them are members already")
    if len(where.members) + len(new) > MEMBERS_MAX:
        raise Refused(Code.LIMIT, f"a conversation has at most {MEMBERS_MAX} members")
    where.members |= dict.fromkeys(new, Role.MEMBER)
    where.since |= dict.fromkeys(new, where.head + 1)
    where.read |= dict.fromkeys(new, where.head)
    where.delivered |= dict.fromkeys(new, where.head)
    return world.append(where, Kind.JOINED, actor, at_ms, [*new])


def _leave(world: World, actor: Actor, where: ConversationState, _: c.Leave, at_ms: int) -> int:
    _need_role(where, actor[0], Role.MEMBER)
    seq = world.append(where, Kind.LEFT, actor, at_ms, [])
    _drop(where, actor[0])
    return seq


def _drop(where: ConversationState, user: str) -> None:
    """A member goes; the longest-serving one of the highest role inherits an owner's group."""
    if where.members.pop(user) is Role.OWNER and where.members:
        where.members[max(where.members, key=lambda heir: where.members[heir])] = Role.OWNER


def _remove(world: World, actor: Actor, where: ConversationState, action: c.Remove, at_ms: int) -> int:
    _need_role(where, actor[0], Role.ADMIN)
    if action.user not in where.members:
        raise Refused(Code.NOT_FOUND, "no such member")
    if where.members[action.user] >= where.members[actor[0]] and action.user != actor[0]:
        raise Refused(Code.FORBIDDEN, "only members of a lower role can be removed")
    seq = world.append(where, Kind.REMOVED, actor, at_ms, [action.user])
    _drop(where, action.user)
    return seq


def _set_role(world: World, actor: Actor, where: ConversationState, action: c.SetRole, at_ms: int) -> int:
    _need_role(where, actor[0], Role.OWNER)
    if action.user not in where.members:
        raise Refused(Code.NOT_FOUND, "no such member")
    if action.user == actor[0]:
        raise Refused(Code.FORBIDDEN, "an owner hands the group over by making somebody else its owner")
    if action.role is Role.OWNER:
        where.members[actor[0]] = Role.ADMIN
    where.members[action.user] = action.role
    return world.append(where, Kind.ROLE, actor, at_ms, [action.user, int(action.role)])


def _rename(world: World, actor: Actor, where: ConversationState, action: c.Rename, at_ms: int) -> int:
    _need_role(where, actor[0], Role.ADMIN)
    where.title = action.title
    return world.append(where, Kind.RENAMED, actor, at_ms, [action.title])


_ON_MEMBER: Final[dict[type, Callable[..., int]]] = {
    c.Edit: _edit,
    c.Recall: _recall,
    c.React: _react,
    c.MarkRead: _read,
    c.Invite: _invite,
    c.Leave: _leave,
    c.Remove: _remove,
    c.SetRole: _set_role,
    c.Rename: _rename,
}
