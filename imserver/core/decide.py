"""What a command means: from the conversation's state and an action to writes, synchronously.

No `await` stands between a check and the change it guards: state in memory changes here, ahead of the store
by the one batch that is being written. If that batch fails, the changed conversations are forgotten and
read again.

"Foreign" and "not there" get the same answer, NOT_FOUND (G10). A role that does not suffice is FORBIDDEN,
as members may know it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from improtocol import commands, limits
from improtocol.body import Body, pack_body
from improtocol.codes import Code
from improtocol.content import Text, media_of
from improtocol.entries import ConversationType, Kind, Role
from improtocol.values import Value, pack
from imserver.core.conversations import Conversation, Conversations, Membership
from imserver.core.users import User
from imserver.storage.store import MemberChange, NewConversation, Write


class Refused(Exception):
    """The command is refused for good; its counter is used up."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(slots=True, kw_only=True)
class Facts:
    """What the commit loop has fetched for a batch of commands before they are decided.

    `users`: ids by (app, name), of everybody they name; 0 for a user who does not exist. `targets`: the
    records they change, by (conversation, seq): (sender, kind), None when it is not there. `media`: blobs
    they show, by user: those he may post.
    """

    users: dict[tuple[int, str], int] = field(default_factory=dict)
    targets: dict[tuple[int, int], tuple[str, int] | None] = field(default_factory=dict)
    media: dict[int, set[bytes]] = field(default_factory=dict)


_NOT_FOUND: Final = "no such conversation, or you are not in it"


class Decider:
    """Turns actions into writes.

    Args:
        conversations: the conversations in memory; those a command names are there when they exist at all.
        draw_id: draws 53 random bits, for direct conversations.
    """

    def __init__(self, conversations: Conversations, draw_id: Callable[[], int]) -> None:
        self._conversations = conversations
        self._draw_id = draw_id

    def decide(self, author: User, action: commands.Action, facts: Facts, at_ms: int) -> list[Write]:
        """The writes that carry out `action`; the last one is the command's own.

        The caller fills in the idempotency key.

        Raises:
            Refused: nothing was changed.
        """
        if type(action) is commands.Post:
            return self._post(author, action, facts, at_ms)
        match action:
            case commands.MarkRead():
                return [self._mark_read(author, action, facts, at_ms)]
            case commands.Edit() | commands.Recall() | commands.React():
                return [self._change(author, action, facts, at_ms)]
            case commands.Create():
                return [self._create(author, action, facts, at_ms)]
            case commands.Logout():
                return [Write(device=0, at_ms=at_ms, end_session=True)]
            case _:
                return [self._manage(author, action, facts, at_ms)]

    # Messages --------------------------------------------------------------------------------------

    def _post(self, author: User, action: commands.Post, facts: Facts, at_ms: int) -> list[Write]:
        payload = _pack(action.body)
        media = _media(author, action.body, facts)
        writes = []
        conversation = self._find(author, action.conversation, facts)
        if conversation is None:
            if not isinstance(action.conversation, str):
                raise Refused(Code.NOT_FOUND, _NOT_FOUND)
            conversation, created = self._create_direct(author, action.conversation, facts, at_ms)
            writes.append(created)
        write = _record(conversation, author, Kind.MESSAGE, payload, at_ms)
        write.media = media
        writes.append(write)
        return writes

    def _change(
        self,
        author: User,
        action: commands.Edit | commands.Recall | commands.React,
        facts: Facts,
        at_ms: int,
    ) -> Write:
        conversation, member = self._member_of(author, action.conversation, facts)
        target = facts.targets.get((conversation.id, action.target))
        if target is None or action.target < member.first or target[1] != Kind.MESSAGE:
            raise Refused(Code.NOT_FOUND, f"there is no message {action.target} in this conversation")
        own = target[0] == author.name
        payload: list[Value] = [action.target]
        match action:
            case commands.Edit():
                if not own:
                    raise Refused(Code.FORBIDDEN, "only one's own messages may be edited")
                media = _media(author, action.body, facts)
                _pack(action.body)
                payload.append(action.body.to_value())
                write = _record(conversation, author, Kind.EDITED, pack(payload), at_ms)
                write.media = media
            case commands.Recall():
                if not own and member.role < Role.ADMIN:
                    raise Refused(Code.FORBIDDEN, "only admins may recall the messages of others")
                write = _record(conversation, author, Kind.RECALLED, pack(payload), at_ms)
            case _:
                payload += [action.emoji, action.on]
                write = _record(conversation, author, Kind.REACTED, pack(payload), at_ms)
        write.target = action.target
        return write

    def _mark_read(self, author: User, action: commands.MarkRead, facts: Facts, at_ms: int) -> Write:
        conversation, member = self._member_of(author, action.conversation, facts)
        if action.seq > conversation.head:
            raise Refused(
                Code.INVALID, f"message {action.seq} is not there yet; the newest is {conversation.head}"
            )
        # A mark never moves back; telling nobody about one that does not move saves everybody the entry.
        if action.seq <= member.read:
            return Write(device=0, at_ms=at_ms, value=member.read)
        member.read = action.seq
        return Write(
            device=0,
            at_ms=at_ms,
            author=author.id,
            author_name=author.name,
            conversation=conversation.id,
            kind=Kind.READ,
            value=action.seq,
            recipients=conversation.recipients,
        )

    # Membership ------------------------------------------------------------------------------------

    def _create_direct(self, author: User, peer: str, facts: Facts, at_ms: int) -> tuple[Conversation, Write]:
        peer_id = facts.users[author.app, peer]
        users = (min(author.id, peer_id), max(author.id, peer_id))
        new = NewConversation(
            id=self._draw_id(), app=author.app, type=ConversationType.DIRECT, title="", direct_users=users
        )
        members = {author.id: author.name, peer_id: peer}
        return self._begin(author, new, dict.fromkeys(members, Role.MEMBER), members, at_ms)

    def _create(self, author: User, action: commands.Create, facts: Facts, at_ms: int) -> Write:
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
        for user, role in roles.items():
            conversation.members[user] = Membership(names[user], role, 1, 0)
        conversation.refresh()
        self._conversations.add(conversation, new.direct_users)
        listed: list[Value] = [[names[user], int(role)] for user, role in roles.items()]
        payload = pack([int(new.type), new.title, listed])
        write = _record(conversation, author, Kind.CREATED, payload, at_ms)
        write.create = new
        write.members = [MemberChange(user=user, role=role) for user, role in roles.items()]
        return conversation, write

    def _manage(self, author: User, action: commands.Action, facts: Facts, at_ms: int) -> Write:
        conversation, member = self._member_of(author, action.conversation, facts)  # type: ignore[union-attr]
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
                write = _record(conversation, author, Kind.RENAMED, pack([action.title]), at_ms)
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
        conversation.refresh()
        write = _record(conversation, author, Kind.JOINED, pack(list(new.values())), at_ms)
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
        write = _record(conversation, author, kind, pack(list(payload)), at_ms)
        gone = conversation.members.pop(user)
        changes = [MemberChange(user=user, role=None)]
        if gone.role is Role.OWNER and conversation.members:
            # A group must not be left without an owner: the longest-serving member of the highest role
            # inherits it.
            heir = max(conversation.members, key=lambda heir: conversation.members[heir].role)
            conversation.members[heir].role = Role.OWNER
            changes.append(MemberChange(user=heir, role=Role.OWNER))
        conversation.refresh()
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
        write = _record(conversation, author, Kind.ROLE, pack([action.user, int(action.role)]), at_ms)
        write.members = changes
        return write

    # Finding ---------------------------------------------------------------------------------------

    def _find(self, author: User, ref: int | str, facts: Facts) -> Conversation | None:
        """The conversation if the author is an active member of it."""
        if isinstance(ref, str):
            peer = facts.users[author.app, ref]
            if peer == author.id:
                raise Refused(Code.INVALID, "a direct conversation needs somebody else")
            found = self._conversations.get_direct(author.app, (min(author.id, peer), max(author.id, peer)))
        else:
            found = self._conversations.get(author.app, ref)
        return found if found is not None and author.id in found.members else None

    def _member_of(self, author: User, ref: int | str, facts: Facts) -> tuple[Conversation, Membership]:
        conversation = self._find(author, ref, facts)
        if conversation is None:
            raise Refused(Code.NOT_FOUND, _NOT_FOUND)
        return conversation, conversation.members[author.id]


def _record(conversation: Conversation, author: User, kind: Kind, payload: bytes, at_ms: int) -> Write:
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


def _need_role(member: Membership, role: Role, what: str) -> None:
    if member.role < role:
        raise Refused(Code.FORBIDDEN, f"only a group's {role.name.lower()}s may {what}")


def _media(author: User, body: Body, facts: Facts) -> tuple[bytes, ...]:
    if type(body.content) is Text:
        return ()
    media = media_of(body.content)
    if media and not facts.media.get(author.id, set()).issuperset(media):
        raise Refused(Code.NOT_FOUND, "upload the media first: this shop has no such blob of yours")
    return media


def _pack(body: Body) -> bytes:
    try:
        return pack_body(body)
    except ValueError as error:
        raise Refused(Code.TOO_LARGE, str(error)) from None
