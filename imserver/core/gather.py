"""Fetching what commands need before they can be decided.

Conversations, user ids, the records they change, their media.

The common command needs nothing: its conversation is in memory. What is missing is read here, before the
synchronous part.
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

import trio

from improtocol import commands
from improtocol.commands import Action
from improtocol.content import Text, media_of
from improtocol.entries import Erased, read_entry
from imserver.core.conversations import Conversation, Conversations
from imserver.core.facts import Facts, Target
from imserver.core.names import UserNames
from imserver.core.sessions import Session
from imserver.core.users import User
from imserver.storage.store import Store, StoreBroken, StoreFull


class Submitted(Protocol):
    """A command and its session, and the conversation that it is posted to if that is at hand."""

    conversation: Conversation | None

    @property
    def session(self) -> Session: ...
    @property
    def action(self) -> Action: ...


class Gatherer:
    """Reads what a batch of commands needs."""

    def __init__(self, store: Store, conversations: Conversations, names: UserNames, reads_max: int) -> None:
        self._store = store
        self._conversations = conversations
        self._names = names
        self._reads_max = reads_max

    async def gather(self, batch: Iterable[Submitted]) -> Facts:
        """The facts for `batch`; afterwards every conversation it names is in memory, if it exists."""
        facts = Facts()
        missing: deque[Submitted] = deque()
        for item in batch:
            user, action = item.session.user, item.action
            if type(action) is commands.Post:
                item.conversation = self._at_hand(user, action)
                if item.conversation is not None:
                    continue
            missing.append(item)
        if len(missing) <= 1:
            await self._gather_each(missing, facts)
            return facts
        # The whole batch waits for the last of them: side by side, 200 first messages wait a third as long.
        failed: list[StoreFull | StoreBroken] = []

        async def gather_some() -> None:
            try:
                await self._gather_each(missing, facts)
            except (StoreFull, StoreBroken) as error:
                failed.append(error)
                missing.clear()

        async with trio.open_nursery() as nursery:
            for _ in range(min(len(missing), self._reads_max)):
                nursery.start_soon(gather_some)
        if failed:
            raise failed[0]
        return facts

    async def _gather_each(self, missing: deque[Submitted], facts: Facts) -> None:
        while missing:
            item = missing.popleft()
            user = item.session.user
            await self._gather_one(user.app, user.id, item.action, facts)

    def _at_hand(self, user: User, action: commands.Post) -> Conversation | None:
        """The hot path: the conversation in memory to which a member posts a message without media."""
        if type(action.body.content) is not Text and media_of(action.body.content):
            return None
        ref = action.conversation
        if type(ref) is int:
            found = self._conversations.get(user.app, ref)
        else:
            assert type(ref) is str
            peer = self._names.known(user.app, ref)
            if peer is None:
                return None
            users = (user.id, peer) if user.id < peer else (peer, user.id)
            found = self._conversations.get_direct(user.app, users)
        return found if found is not None and user.id in found.members else None

    async def _gather_one(self, app: int, user: int, action: Action, facts: Facts) -> None:
        match action:
            case commands.Logout():
                return
            case commands.Create():
                await self._ensure(app, action.members, facts)
            case commands.Invite():
                await self._ensure(app, action.users, facts)
            case _:
                pass
        await self._load(app, user, action.conversation, facts, create=isinstance(action, commands.Post))
        if isinstance(action, commands.Edit | commands.Recall | commands.React):
            await self._gather_target(app, user, action, facts)
        if isinstance(action, commands.Post | commands.Edit):
            media = media_of(action.body.content)
            if media:
                postable = await self._store.visible_media(user, media)
                facts.media.setdefault(user, set()).update(postable)

    async def _gather_target(
        self, app: int, user: int, action: commands.Edit | commands.Recall | commands.React, facts: Facts
    ) -> None:
        ref = action.conversation
        if isinstance(ref, str):
            peer = facts.users[app, ref]
            conversation = self._conversations.get_direct(app, (min(user, peer), max(user, peer)))
        else:
            conversation = self._conversations.get(app, ref)
        if conversation is None:
            return
        record = await self._store.record(conversation.id, action.target)
        key = (conversation.id, action.target)
        recalled = record is not None and isinstance(read_entry(record), Erased)
        facts.targets[key] = None if record is None else Target(record.sender, record.kind, recalled)

    async def _ensure(self, app: int, names: tuple[str, ...], facts: Facts) -> None:
        for name, id in (await self._names.ensure(app, names)).items():
            facts.users[app, name] = id

    async def _load(self, app: int, user: int, ref: int | str, facts: Facts, *, create: bool) -> None:
        if isinstance(ref, int):
            await self._conversations.load(app, ref)
            return
        known = await (self._names.ensure(app, (ref,)) if create else self._names.find(app, (ref,)))
        # A name that nobody has is given id 0, which is a member of nothing.
        peer = known.get(ref, 0)
        facts.users[app, ref] = peer
        if peer and peer != user:
            await self._conversations.load_direct(app, (min(user, peer), max(user, peer)))
