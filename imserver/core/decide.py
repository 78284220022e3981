"""What a command means: from the conversation's state and an action to writes, synchronously.

No `await` stands between a check and the change it guards: state in memory changes here, ahead of the store
by the one batch that is being written. If that batch fails, the changed conversations are forgotten and
read again.

"Foreign" and "not there" get the same answer, NOT_FOUND (G10). A role that does not suffice is FORBIDDEN,
as members may know it.
"""

from collections.abc import Callable

from improtocol import commands
from improtocol.body import Body
from improtocol.body_codec import pack_body
from improtocol.codes import Code
from improtocol.content import Text, Unknown, media_of
from improtocol.entries import Kind, Role
from improtocol.values import Value, pack
from imserver.core.conversations import Conversation, Conversations, Membership
from imserver.core.facts import NOT_FOUND, Facts, Refused, new_record
from imserver.core.groups import GroupDecider
from imserver.core.limits import CoreLimits
from imserver.core.users import User
from imserver.storage.store import Write


class Decider:
    """Turns actions into writes.

    Args:
        conversations: the conversations in memory; those a command names are there when they exist at all.
        draw_id: draws 53 random bits, for direct conversations.
        limits: bounds.
    """

    def __init__(self, conversations: Conversations, draw_id: Callable[[], int], limits: CoreLimits) -> None:
        self._conversations = conversations
        self._groups = GroupDecider(conversations, draw_id)
        self._receipts_members_max = limits.receipts_members_max

    def decide(
        self,
        author: User,
        action: commands.Action,
        facts: Facts,
        at_ms: int,
        at_hand: Conversation | None = None,
    ) -> list[Write]:
        """The writes that carry out `action`; the last one is the command's own.

        The caller fills in the idempotency key. `at_hand` is the conversation that a message is posted to,
        where it was found before.

        Raises:
            Refused: nothing was changed.
        """
        if type(action) is commands.Post:
            return self._post(author, action, facts, at_ms, at_hand)
        match action:
            case commands.MarkRead():
                return [self._mark_read(author, action, facts, at_ms)]
            case commands.Edit() | commands.Recall() | commands.React():
                return [self._change(author, action, facts, at_ms)]
            case commands.Create():
                return [self._groups.create(author, action, facts, at_ms)]
            case commands.Logout():
                return [Write(device=0, at_ms=at_ms, end_session=True)]
            case _:
                conversation, _ = self._member_of(author, action.conversation, facts)
                return [self._groups.manage(conversation, author, action, facts, at_ms)]

    # Messages --------------------------------------------------------------------------------------

    def _post(
        self, author: User, action: commands.Post, facts: Facts, at_ms: int, at_hand: Conversation | None
    ) -> list[Write]:
        payload = _pack(action.body)
        if at_hand is not None:
            # Looked at again: an earlier command of the batch may have put the author out.
            if author.id not in at_hand.members:
                raise Refused(Code.NOT_FOUND, NOT_FOUND)
            return [new_record(at_hand, author, Kind.MESSAGE, payload, at_ms)]
        media = _media(author, action.body, facts)
        writes = []
        conversation = self._find(author, action.conversation, facts)
        if conversation is None:
            if not isinstance(action.conversation, str):
                raise Refused(Code.NOT_FOUND, NOT_FOUND)
            conversation, created = self._groups.create_direct(author, action.conversation, facts, at_ms)
            writes.append(created)
        write = new_record(conversation, author, Kind.MESSAGE, payload, at_ms)
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
        key = (conversation.id, action.target)
        target = facts.targets.get(key)
        if target is None or action.target < member.first or target.kind != Kind.MESSAGE:
            raise Refused(Code.NOT_FOUND, f"there is no message {action.target} in this conversation")
        if target.recalled:
            # Else its text would be back, or live on at those who see the edit before they fetch the page.
            raise Refused(Code.NOT_FOUND, f"message {action.target} was recalled")
        own = target.sender == author.name
        payload: list[Value] = [action.target]
        match action:
            case commands.Edit():
                if not own:
                    raise Refused(Code.FORBIDDEN, "only one's own messages may be edited")
                media = _media(author, action.body, facts)
                _pack(action.body)
                payload.append(action.body.to_value())
                write = new_record(conversation, author, Kind.EDITED, pack(payload), at_ms)
                write.media = media
            case commands.Recall():
                if not own and member.role < Role.ADMIN:
                    raise Refused(Code.FORBIDDEN, "only admins may recall the messages of others")
                facts.targets[key] = target._replace(recalled=True)
                write = new_record(conversation, author, Kind.RECALLED, pack(payload), at_ms)
            case _:
                payload += [action.emoji, action.on]
                write = new_record(conversation, author, Kind.REACTED, pack(payload), at_ms)
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
        pushed = len(conversation.members) <= self._receipts_members_max
        return Write(
            device=0,
            at_ms=at_ms,
            author=author.id,
            author_name=author.name,
            conversation=conversation.id,
            kind=Kind.READ,
            value=action.seq,
            # In a large group only the reader's own devices follow: each mark would be an entry in all logs.
            recipients=conversation.recipients if pushed else (author.id,),
        )

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
            raise Refused(Code.NOT_FOUND, NOT_FOUND)
        return conversation, conversation.members[author.id]


def _media(author: User, body: Body, facts: Facts) -> tuple[bytes, ...]:
    if type(body.content) is Text:
        return ()
    media = media_of(body.content)
    if media and not facts.media.get(author.id, set()).issuperset(media):
        raise Refused(Code.NOT_FOUND, "upload the media first: this shop has no such blob of yours")
    return media


def _pack(body: Body) -> bytes:
    if type(body.content) is Text and body.reply_to is None and not body.mentions:
        return pack(body.content.text)  # the hot path; a text alone is never too large
    if type(body.content) is Unknown:
        raise Refused(Code.INVALID, body.content.reason)
    try:
        return pack_body(body)
    except ValueError as error:
        raise Refused(Code.TOO_LARGE, str(error)) from None
