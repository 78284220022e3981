"""Making conversations and changing who is in them: the part of deciding that moves members and roles."""

from collections.abc import Callable, Sequence

from improtocol import commands, limits
from improtocol.codes import Code
from improtocol.entries import ConversationType, Kind, Role
from improtocol.values import Value, pack
from imserver.core.conversations import Conversation, Conversations, Membership
from imserver.core.facts import Facts, Refused, new_record
from imserver.core.users import User
from imserver.storage.store import MemberChange, NewConversation, Write


class GroupDecider:
    """Turns actions on members into writes, and into members in memory.

    Args:
        conversations: the conversations in memory.
        draw_id: draws 53 random bits, for direct conversations.
    """

    def __init__(self, conversations: Conversations, draw_id: Callable[[], int]) -> None:
        self._conversations = conversations
        self._draw_id = draw_id

    def create_direct(self, author: User, peer: str, facts: Facts, at_ms: int) -> tuple[Conversation, Write]:
        """Make the direct conversation of `author` and `peer`, which must not be there yet."""
        peer_id = facts.users[author.app, peer]
        users = (min(author.id, peer_id), max(author.id, peer_id))
        new = NewConversation(
            id=self._draw_id(), app=author.app, type=ConversationType.DIRECT, title="", direct_users=users
        )
        members = {author.id: author.name, peer_id: peer}
        return self._begin(author, new, dict.fromkeys(members, Role.MEMBER), members, at_ms)

    def create(self, author: User, action: commands.Create, facts: Facts, at_ms: int) -> Write:
        """Make a group. Raises `Refused`."""
        if self._conversations.exists(action.conversation):
            raise Refused(Code.CONFLICT, "this conversation id is taken; draw another one")
        names = {author.id: author.name} | {facts.users[author.app, name]: name for name in action.members}
        if len(names) > limits.MEMBERS_MAX:
            raise Refused(Code.LIMIT, f"a conversation has at most {limits.MEMBERS_MAX} members")
        roles = {user: Role.OWNER if user == author.id else Role.MEMBER for user in names}
        new = NewConversation(
            id=action.conversation, app=author.app, type=ConversationType.GROUP, title=action.title
        )
        return self._begin(author, new, roles, names, at_ms)[1]

    def _begin(
        self, author: User, new: NewConversation, roles: dict[int, Role], names: dict[int, str], at_ms: int
    ) -> tuple[Conversation, Write]:
        conversation = Conversation.begin(new)
        self._conversations.add(conversation, new.direct_users)
        for user, role in roles.items():
            conversation.members[user] = Membership(names[user], role, 1, 0)
        self._conversations.refresh(conversation)
        listed: list[Value] = [[names[user], int(role)] for user, role in roles.items()]
        payload = pack([int(new.type), new.title, listed])
        write = new_record(conversation, author, Kind.CREATED, payload, at_ms)
        write.create = new
        write.members = [MemberChange(user=user, role=role) for user, role in roles.items()]
        return conversation, write

    def manage(
        self,
        conversation: Conversation,
        author: User,
        action: commands.Action,
        facts: Facts,
        at_ms: int,
    ) -> Write:
        """Change a group that `author` is a member of. Raises `Refused`."""
        member = conversation.members[author.id]
        if conversation.type is ConversationType.DIRECT:
            raise Refused(Code.FORBIDDEN, "a direct conversation keeps its two members and has no title")
        match action:
            case commands.Invite():
                return self._invite(conversation, member, author, action, facts, at_ms)
            case commands.Leave():
                return self._drop(conversation, author.id, author, Kind.LEFT, [], at_ms)
            case commands.Remove():
                return self._remove(conversation, member, author, action, at_ms)
            case commands.SetRole():
                return self._set_role(conversation, member, author, action, at_ms)
            case commands.Rename():
                _need_role(member, Role.ADMIN, "rename a group")
                conversation.title = action.title
                write = new_record(conversation, author, Kind.RENAMED, pack([action.title]), at_ms)
                write.title = action.title
                return write
            case _:
                raise AssertionError(action)

    def _invite(
        self,
        conversation: Conversation,
        member: Membership,
        author: User,
        action: commands.Invite,
        facts: Facts,
        at_ms: int,
    ) -> Write:
        _need_role(member, Role.ADMIN, "invite")
        new = {
            facts.users[author.app, name]: name
            for name in action.users
            if facts.users[author.app, name] not in conversation.members
        }
        if not new:
            raise Refused(Code.CONFLICT, "all of them are members already")
        if len(conversation.members) + len(new) > limits.MEMBERS_MAX:
            raise Refused(Code.LIMIT, f"a conversation has at most {limits.MEMBERS_MAX} members")
        first = conversation.head_decided + 1
        for user, name in new.items():
            conversation.members[user] = Membership(name, Role.MEMBER, first, first - 1)
        self._conversations.refresh(conversation)
        write = new_record(conversation, author, Kind.JOINED, pack(list(new.values())), at_ms)
        write.members = [MemberChange(user=user, role=Role.MEMBER) for user in new]
        return write

    def _remove(
        self,
        conversation: Conversation,
        member: Membership,
        author: User,
        action: commands.Remove,
        at_ms: int,
    ) -> Write:
        _need_role(member, Role.ADMIN, "remove members")
        user = conversation.member_named(action.user)
        if user is None:
            raise Refused(Code.NOT_FOUND, f"{action.user} is not a member")
        if conversation.members[user].role >= member.role and user != author.id:
            raise Refused(Code.FORBIDDEN, "only members of a lower role may be removed")
        return self._drop(conversation, user, author, Kind.REMOVED, [action.user], at_ms)

    def _drop(
        self,
        conversation: Conversation,
        user: int,
        author: User,
        kind: Kind,
        payload: Sequence[Value],
        at_ms: int,
    ) -> Write:
        # Made before the member goes: the record that says so is the last one he gets.
        write = new_record(conversation, author, kind, pack(list(payload)), at_ms)
        gone = conversation.members.pop(user)
        changes = [MemberChange(user=user, role=None)]
        if gone.role is Role.OWNER and conversation.members:
            # A group must not be left without an owner: the longest-serving member of the highest role
            # inherits it.
            heir = max(conversation.members, key=lambda heir: conversation.members[heir].role)
            conversation.members[heir].role = Role.OWNER
            changes.append(MemberChange(user=heir, role=Role.OWNER))
        self._conversations.refresh(conversation)
        write.members = changes
        return write

    def _set_role(
        self,
        conversation: Conversation,
        member: Membership,
        author: User,
        action: commands.SetRole,
        at_ms: int,
    ) -> Write:
        _need_role(member, Role.OWNER, "set roles")
        user = conversation.member_named(action.user)
        if user is None:
            raise Refused(Code.NOT_FOUND, f"{action.user} is not a member")
        if user == author.id:
            raise Refused(
                Code.FORBIDDEN, "an owner hands the group over by making somebody else its owner first"
            )
        changes = [MemberChange(user=user, role=action.role)]
        if action.role is Role.OWNER:
            # One owner at a time: the one who hands over becomes an admin, in the same record.
            member.role = Role.ADMIN
            changes.append(MemberChange(user=author.id, role=Role.ADMIN))
        conversation.members[user].role = action.role
        write = new_record(conversation, author, Kind.ROLE, pack([action.user, int(action.role)]), at_ms)
        write.members = changes
        return write


def _need_role(member: Membership, role: Role, what: str) -> None:
    if member.role < role:
        raise Refused(Code.FORBIDDEN, f"only a group's {role.name.lower()}s may {what}")
