"""Signals: typing, presence, delivered watermarks.

What may be lost, is never stored as an event, and must cost little.

In the background, a device's signals wait for the next real message and ride along with it: fewer radio
wake-ups. Of each kind only the newest is kept, and typing is not kept at all.
"""

from typing import Final

import trio

from improtocol import limits as protocol_limits
from improtocol.frames import ClientMode, Signal, SignalKind
from improtocol.trusted import trusted
from imserver.core.conversations import Conversation, Conversations
from imserver.core.delivery import Delivery
from imserver.core.limits import CoreLimits
from imserver.core.links import FlushList
from imserver.core.names import UserNames
from imserver.core.sessions import Session
from imserver.core.users import User
from imserver.core.watermarks import Watermarks
from imserver.storage.store import Store

_RIDE_ALONG_MAX: Final = 64
_TASKS_MAX: Final = 64
_trusted_signal: Final = trusted(Signal)


class Signals:
    """Passes signals on. Everything here is synchronous except looking up who may be watched."""

    def __init__(
        self,
        store: Store,
        conversations: Conversations,
        names: UserNames,
        delivery: Delivery,
        watermarks: Watermarks,
        links: FlushList,
        limits: CoreLimits,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._names = names
        self._delivery = delivery
        self._watermarks = watermarks
        self._links = links
        self._limits = limits
        #: Who watches a user (by id), under the name they asked for.
        self._watchers: dict[int, dict[Session, str]] = {}
        #: Users without connection whose grace time is not over, with its end. By id: the object of a user
        #: may be forgotten and made anew meanwhile.
        self._leaving: dict[int, float] = {}
        #: Users whose presence has changed and whose watchers are not told yet.
        self._changed: dict[int, None] = {}
        #: How far devices have got in conversations, and nobody was told yet, by (conversation, user).
        self._reached: dict[tuple[int, int], int] = {}
        self._wake = trio.Event()
        self._somebody_reached = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._tasks = 0
        self.dropped = 0

    # From clients ----------------------------------------------------------------------------------

    def receive(self, session: Session, signal: Signal) -> None:
        """A client's signal: typing, or the wish to watch somebody."""
        if (signal.kind == SignalKind.TYPING and signal.conversation is not None) or (
            signal.kind == SignalKind.WATCH and signal.user
        ):
            self._start(session, signal)
        else:
            self.dropped += 1

    def _start(self, session: Session, signal: Signal) -> None:
        ref = signal.conversation
        if signal.kind == SignalKind.TYPING and isinstance(ref, int):
            conversation = self._conversations.get(session.user.app, ref)
            if conversation is not None:
                self._typing(session, conversation, signal)
                return
        # Signals may be lost: more lookups than this at once are not worth their cost.
        if self._nursery is None or self._tasks >= _TASKS_MAX:
            self.dropped += 1
            return
        self._tasks += 1
        self._nursery.start_soon(self._look_up, session, signal)

    async def _look_up(self, session: Session, signal: Signal) -> None:
        try:
            if signal.kind == SignalKind.WATCH:
                await self._watch(session, signal.user)
            else:
                await self._look_up_typing(session, signal)
            self._links.flush()
        finally:
            self._tasks -= 1

    async def _look_up_typing(self, session: Session, signal: Signal) -> None:
        user, ref = session.user, signal.conversation
        if isinstance(ref, int):
            conversation = await self._conversations.load(user.app, ref)
        else:
            peer = (await self._names.find(user.app, (ref or "",))).get(ref or "", 0)
            conversation = await self._conversations.load_direct(
                user.app, (min(user.id, peer), max(user.id, peer))
            )
        if conversation is not None:
            self._typing(session, conversation, signal)

    def _typing(self, session: Session, conversation: Conversation, signal: Signal) -> None:
        # In a large group everybody's typing interests nobody and would cost each keystroke a frame a member.
        many = len(conversation.members) > self._limits.receipts_members_max
        if many or session.user.id not in conversation.members:
            self.dropped += 1
            return
        told = Signal(
            kind=SignalKind.TYPING,
            conversation=conversation.id,
            user=session.user.name,
            value=signal.value,
            text=signal.text,
        )
        self._tell_members(conversation, session.user.id, told)

    # Delivered watermarks --------------------------------------------------------------------------

    def delivered(self, session: Session, reached: dict[int, int]) -> None:
        """A device of `session`'s user has committed conversations up to these sequence numbers.

        Told after a moment: a frame and a system call for each message would cost as much as the message.
        """
        user = session.user.id
        for id, seq in reached.items():
            self._watermarks.delivered(id, user, seq)
            if not self._reached:
                self._somebody_reached.set()
            if seq > self._reached.get((id, user), 0):
                self._reached[id, user] = seq

    async def _tell_delivered(self) -> None:
        while True:
            await self._somebody_reached.wait()
            await trio.sleep(self._limits.delivered_wait_s)
            self._somebody_reached = trio.Event()
            reached, self._reached = self._reached, {}
            for (id, user_id), seq in reached.items():
                user, conversation = self._delivery.user(user_id), self._conversations.by_id(id)
                if user is None or conversation is None or user_id not in conversation.members:
                    continue
                if len(conversation.members) <= self._limits.receipts_members_max:
                    told = _trusted_signal(SignalKind.DELIVERED, id, user.name, seq, "")
                    self._tell_members(conversation, user_id, told)
            self._links.flush()

    # Presence --------------------------------------------------------------------------------------

    def came(self, user: User) -> None:
        """The first device of `user` is there. Those who watch are told, unless the user was hardly away."""
        if self._leaving.pop(user.id, None) is None:
            self._presence_changed(user.id)

    def went(self, user: User, now_s: float) -> None:
        """The last device of `user` is gone; told after a grace time."""
        self._leaving[user.id] = now_s + self._limits.presence_grace_s

    def is_there(self, user: int) -> bool:
        """Whether a device of `user` is connected, or was so a moment ago."""
        known = self._delivery.user(user)
        return user in self._leaving or (known is not None and bool(known.attached))

    def forget_watcher(self, session: Session) -> None:
        """`session` has no connection any more."""
        for id in list(session.watching or ()):
            self._unwatch(session, id)
        session.watching = None

    def tick(self, now_s: float) -> None:
        """Tell of those whose grace time is over. Call every few seconds."""
        for id in [id for id, at_s in self._leaving.items() if at_s <= now_s]:
            del self._leaving[id]
            self._presence_changed(id)

    async def _watch(self, session: Session, name: str) -> None:
        link = session.link
        id = (await self._names.find(session.user.app, (name,))).get(name)
        if id is None or not await self._store.share_conversation(session.user.id, [id]):
            return
        if link is None or session.link is not link:
            return  # a watch ends with its connection
        session.watching = watching = session.watching or set()
        if len(watching) >= protocol_limits.WATCHED_USERS_MAX and id not in watching:
            self.dropped += 1
            return
        watching.add(id)
        self._watchers.setdefault(id, {})[session] = name
        self._tell(session, Signal(kind=SignalKind.PRESENCE, user=name, value=int(self.is_there(id))))

    def _presence_changed(self, user: int) -> None:
        if user in self._watchers:
            self._changed[user] = None
            self._wake.set()

    async def _tell_watchers(self, user: int) -> None:
        """Tell those who may still know it; a watch by one with whom no conversation is shared now ends."""
        asked = {session.user.id for session in self._watchers.get(user, ())}
        entitled = await self._store.share_conversation(user, list(asked))
        there = int(self.is_there(user))  # as it is by now: who began to watch meanwhile was told so already
        for session, name in list(self._watchers.get(user, {}).items()):
            if session.user.id in entitled:
                self._tell(session, Signal(kind=SignalKind.PRESENCE, user=name, value=there))
            elif session.user.id in asked:
                self._unwatch(session, user)
        self._links.flush()

    def _unwatch(self, session: Session, user: int) -> None:
        watchers = self._watchers.get(user)
        if watchers is not None:
            watchers.pop(session, None)
            if not watchers:
                del self._watchers[user]
        if session.watching is not None:
            session.watching.discard(user)

    # Telling ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve lookups until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._tell_delivered)
            try:
                await self._tell_presence()
            finally:
                self._nursery = None  # the gateway may hand over one turn more

    async def _tell_presence(self) -> None:
        while True:
            while self._changed:
                user = next(iter(self._changed))
                del self._changed[user]
                await self._tell_watchers(user)
            self._wake = trio.Event()
            await self._wake.wait()

    def _tell_members(self, conversation: Conversation, but: int, signal: Signal) -> None:
        for id in conversation.members:
            if id != but and (user := self._delivery.user(id)) is not None:
                for session in user.sessions:
                    self._tell(session, signal)

    def _tell(self, session: Session, signal: Signal) -> None:
        link = session.link
        if link is None or link.blocked:
            return
        if session.mode == ClientMode.FOREGROUND:
            link.send(signal)
        elif signal.kind != SignalKind.TYPING:
            waiting = session.ride_along = session.ride_along or {}
            key = (signal.kind, signal.conversation, signal.user)
            if key in waiting or len(waiting) < _RIDE_ALONG_MAX:
                waiting[key] = signal
