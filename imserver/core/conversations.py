"""Conversations in memory: who is a member, with which role; a bounded cache over the store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from improtocol.entries import ConversationType, Role
from imserver.core.limits import CoreLimits
from imserver.storage.store import Conversation as Stored
from imserver.storage.store import NewConversation, Store


@dataclass(slots=True)
class Membership:
    """An active member as commands need it: sees records from `first` on, has read up to `read`."""

    name: str
    role: Role
    first: int
    read: int


class Conversation:
    """A conversation's decided state.

    The commit loop changes it while deciding, ahead of the store by one batch at most.
    """

    __slots__ = ("app", "head", "head_decided", "id", "members", "recipients", "title", "type")

    def __init__(self, stored: Stored) -> None:
        self.id = stored.id
        self.app = stored.app
        self.type = ConversationType(stored.type)
        self.title = stored.title
        #: The last durable sequence number, and the last one decided on; they differ while a batch is being
        #: written.
        self.head = self.head_decided = stored.head
        self.members = {m.user: Membership(m.name, Role(m.role), m.first, m.read) for m in stored.members}
        #: Users whose logs get the next record. Rebuilt when members change (`Conversations.refresh`), shared
        #: by all writes until then.
        self.recipients: tuple[int, ...] = tuple(self.members)

    @classmethod
    def begin(cls, new: NewConversation) -> "Conversation":
        """A conversation that is just being made, without members yet."""
        return cls(Stored(id=new.id, app=new.app, type=new.type, title=new.title, head=0, members=()))

    def member_named(self, name: str) -> int | None:
        """The user id of the active member called `name`."""
        for user, member in self.members.items():
            if member.name == name:
                return user
        return None


class Conversations:
    """The conversations in use. `get` answers at once or not at all; `load` asks the store.

    An id that is not there, or is another app's, is None for both: the difference must not show.
    """

    def __init__(self, store: Store, limits: CoreLimits) -> None:
        self._store = store
        self._limits = limits
        #: Called when a `load` has made it `crowded`, maybe by somebody who only asks: by whoever shrinks it.
        self.crowding: Callable[[], None] = lambda: None
        #: Of all conversations, as of their last `refresh`: a group takes as much memory as it has members.
        self._members = 0
        self._by_id: dict[int, Conversation] = {}
        self._direct: dict[tuple[int, int, int], int] = {}
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, app: int, id: int) -> Conversation | None:
        """The conversation if it is in memory and of this app."""
        conversation = self._by_id.get(id)
        return conversation if conversation is not None and conversation.app == app else None

    def by_id(self, id: int) -> Conversation | None:
        """The conversation if it is in memory, of whatever app."""
        return self._by_id.get(id)

    def exists(self, id: int) -> bool:
        """Whether the id is in use by any app's conversation in memory."""
        return id in self._by_id

    def get_direct(self, app: int, users: tuple[int, int]) -> Conversation | None:
        """The direct conversation of two users (in rising order) if it is in memory."""
        id = self._direct.get((app, *users))
        return None if id is None else self.get(app, id)

    async def load(self, app: int, id: int) -> Conversation | None:
        """The conversation, from memory or the store."""
        while id not in self._by_id:
            dropped = self._dropped
            stored = await self._store.conversation(id)
            # Whoever loaded or made it meanwhile is right: a command may have been decided on it. And if
            # anything was dropped meanwhile, this one may have been decided on, written and dropped: what
            # was read may be old.
            if id in self._by_id:
                break
            if dropped != self._dropped:
                continue
            if stored is None:
                return None
            self.add(Conversation(stored))
            if self.crowded:
                self.crowding()
        return self.get(app, id)

    async def load_direct(self, app: int, users: tuple[int, int]) -> Conversation | None:
        """The direct conversation of two users (in rising order), from memory or the store."""
        known = self.get_direct(app, users)
        if known is not None:
            return known
        id = await self._store.direct_conversation(app, users)
        if id is None:
            return self.get_direct(app, users)
        self._direct[app, users[0], users[1]] = id
        return await self.load(app, id)

    def add(self, conversation: Conversation, direct_users: tuple[int, int] | None = None) -> None:
        """Keep `conversation`, which was loaded or is just being made."""
        self._by_id[conversation.id] = conversation
        self._members += len(conversation.recipients)
        if direct_users is not None:
            self._direct[conversation.app, direct_users[0], direct_users[1]] = conversation.id

    def refresh(self, conversation: Conversation) -> None:
        """Members of a conversation that is kept have changed."""
        self._members += len(conversation.members) - len(conversation.recipients)
        conversation.recipients = tuple(conversation.members)

    def forget(self, id: int) -> None:
        """Drop what was decided on a conversation: its write did not happen."""
        if id in self._by_id:
            self._drop([id])

    @property
    def crowded(self) -> bool:
        """Whether there is more than the bounds: `shrink` when it suits."""
        limits = self._limits
        return len(self._by_id) > limits.conversations_cached_max or self._members > limits.members_cached_max

    def shrink(self, pinned: set[int]) -> None:
        """Drop the oldest conversations above the bounds, save the pinned ones. Call between batches only."""
        if not self.crowded:
            return
        # A quarter more than needed, so that the next batches need not do it again at once.
        limits = self._limits
        surplus = len(self._by_id) - limits.conversations_cached_max * 3 // 4
        members = self._members - limits.members_cached_max * 3 // 4
        going: list[int] = []
        for id, conversation in self._by_id.items():
            if len(going) >= surplus and members <= 0:
                break
            if id not in pinned:
                going.append(id)
                members -= len(conversation.recipients)
        self._drop(going)

    def _drop(self, ids: Sequence[int]) -> None:
        self._dropped += 1
        for id in ids:
            self._members -= len(self._by_id.pop(id).recipients)
        self._forget_direct(set(ids))

    def _forget_direct(self, ids: set[int]) -> None:
        self._direct = {key: id for key, id in self._direct.items() if id not in ids}
