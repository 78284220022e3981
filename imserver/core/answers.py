"""Answering queries: what changes nothing and may wait for the store. Bounded in number.

Entitlement is checked at the last moment.
"""

from collections import deque
from typing import NamedTuple

import trio

from improtocol import limits as protocol_limits
from improtocol import queries
from improtocol.codes import Code
from improtocol.frames import Query, Reply
from improtocol.values import pack
from imserver.core.conversations import Conversation, Conversations
from imserver.core.limits import CoreLimits
from imserver.core.links import FlushList, Link
from imserver.core.media_desk import MediaDesk, MediaRefused
from imserver.core.names import UserNames
from imserver.core.sessions import Session
from imserver.core.signals import Signals
from imserver.storage.store import Store, StoreFull

_NOT_FOUND = "no such conversation, or you are not in it"


class NotFound(Exception):
    """Not there, or not yours."""


class Answerer:
    """Answers QUERY frames with a bounded number of tasks."""

    def __init__(
        self,
        store: Store,
        conversations: Conversations,
        names: UserNames,
        signals: Signals,
        links: FlushList,
        limits: CoreLimits,
        media: MediaDesk | None,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._names = names
        self._signals = signals
        self._links = links
        self._limits = limits
        self._media = media
        self._waiting: deque[tuple[Session, Link, Query]] = deque()
        self._arrived = trio.Event()
        self.answered = 0
        self.disk_full = 0

    def submit(self, session: Session, link: Link, query: Query) -> None:
        """Queue a query; its reply goes to `link`."""
        too_many = session.queries >= self._limits.queries_per_session_max
        if too_many or len(self._waiting) >= self._limits.queries_waiting_max:
            code = Code.RATE_LIMITED if too_many else Code.OVERLOADED
            link.send(Reply(id=query.id, code=code, reason="too many queries at once", retry_after_ms=500))
            return
        session.queries += 1
        self._waiting.append((session, link, query))
        self._arrived.set()

    async def run(self) -> None:
        """Answer until cancelled."""
        async with trio.open_nursery() as nursery:
            for _ in range(self._limits.queries_max):
                nursery.start_soon(self._work)

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._arrived = trio.Event() if self._arrived.is_set() else self._arrived
                await self._arrived.wait()
            session, link, query = self._waiting.popleft()
            try:
                reply = await self._answer(session, query)
            finally:
                session.queries -= 1
            self.answered += 1
            link.send(reply)
            self._links.flush()

    async def _answer(self, session: Session, query: Query) -> Reply:
        try:
            question = queries.question_from(query.op, query.arguments)
            payload = await self._payload(session, question)
        except (NotFound, MediaRefused, ValueError) as error:
            return _refusal(query, error)
        except StoreFull:
            self.disk_full += 1
            retry_after_ms = self._limits.disk_full_retry_ms
            reason = "the server's disk is full"
            return Reply(id=query.id, code=Code.DISK_FULL, reason=reason, retry_after_ms=retry_after_ms)
        if session.ended:
            return Reply(id=query.id, code=Code.SESSION_ENDED, reason="this session was ended")
        if len(payload) > protocol_limits.FRAME_BYTES_MAX - 64:
            return Reply(
                id=query.id, code=Code.TOO_LARGE, reason="the answer does not fit a frame; ask for less"
            )
        return Reply(id=query.id, payload=payload)

    async def _payload(self, session: Session, question: queries.Question) -> bytes:
        match question:
            case queries.History():
                return await self._history(session, question)
            case queries.Conversations():
                return await self._conversation_list(session, question)
            case queries.Conversation():
                right = await self._entitled(session, question.conversation)
                info = await self._store.conversation_info(session.user.id, right.conversation)
                if info is None:
                    raise NotFound
                await self._check_still(session, right)
                return pack(info.to_value())
            case queries.Members():
                right = await self._entitled(session, question.conversation)
                members, complete = await self._store.member_infos(
                    right.conversation, after=question.after, limit=question.limit
                )
                await self._check_still(session, right)
                return queries.MembersPage(members=tuple(members), complete=complete).to_payload()
            case queries.Presence():
                return await self._presence(session, question)
            case queries.Upload() | queries.Link():
                return await self._media_answer(session, question)

    async def _history(self, session: Session, question: queries.History) -> bytes:
        right = await self._entitled(session, question.conversation)
        entries, lowest = await self._store.history(
            right.conversation, first=right.first, before=question.before, limit=question.limit
        )
        await self._check_still(session, right)
        page = queries.HistoryPage(entries=tuple(entries), first=lowest, complete=lowest <= right.first)
        return page.to_payload()

    async def _conversation_list(self, session: Session, question: queries.Conversations) -> bytes:
        # The head is read before the list: what comes in between is in both, never in neither.
        head = session.user.head
        before, after = (question.before_ms, question.before_id), question.after
        while True:
            infos, complete = await self._store.conversation_infos(
                session.user.id, before=before, after=after, limit=question.limit
            )
            # Those that the user was put out of while the store was read go no further (G10).
            left = tuple(info for info in infos if self._not_gone(session, info.conversation))
            if left or complete:
                return queries.ConversationsPage(
                    head=head, conversations=left, complete=complete
                ).to_payload()
            # Who asks goes on from the last line, so an incomplete page has one.
            before = (infos[-1].changed_ms, infos[-1].conversation)
            after = None if after is None else infos[-1].conversation

    def _not_gone(self, session: Session, id: int) -> bool:
        conversation = self._conversations.by_id(id)
        return conversation is None or session.user.id in conversation.members

    async def _presence(self, session: Session, question: queries.Presence) -> bytes:
        user = session.user
        ids = await self._names.find(user.app, question.users)
        shared = await self._store.share_conversation(user.id, list(ids.values()))
        seen = await self._store.last_seen_ms(list(shared))
        rows = []
        for name, id in ids.items():
            if id in shared:
                rows.append((name, self._signals.is_there(id), seen.get(id, 0)))
        return queries.PresenceList(users=tuple(rows)).to_payload()

    async def _media_answer(self, session: Session, question: queries.Upload | queries.Link) -> bytes:
        if self._media is None:
            raise MediaRefused(Code.UNAVAILABLE, "this server has no media room")
        user = session.user
        if isinstance(question, queries.Upload):
            slot = await self._media.upload_slot(
                app=user.app, user=user.name, size=question.size, mime=question.mime, name=question.name
            )
            return slot.to_payload()
        right = await self._entitled(session, question.conversation)
        if question.seq < right.first:
            raise NotFound
        if not await self._store.record_shows(right.conversation, question.seq, question.media):
            raise NotFound
        link = await self._media.link(
            app=user.app, user=user.name, conversation=right.conversation, media=question.media
        )
        await self._check_still(session, right)
        return link.to_payload()

    # Entitlement -----------------------------------------------------------------------------------

    async def _entitled(self, session: Session, ref: int | str) -> "Right":
        """The conversation if the session's user is an active member; raises `NotFound` otherwise."""
        user = session.user
        conversation: Conversation | None
        if isinstance(ref, int):
            conversation = await self._conversations.load(user.app, ref)
        else:
            peer = (await self._names.find(user.app, (ref,))).get(ref)
            if peer is None or peer == user.id:
                raise NotFound
            conversation = await self._conversations.load_direct(
                user.app, (min(user.id, peer), max(user.id, peer))
            )
        if conversation is None or user.id not in conversation.members:
            raise NotFound
        return Right(conversation.id, conversation.members[user.id].first)

    async def _check_still(self, session: Session, right: "Right") -> None:
        """After waiting for the store: is the user still the member that he was?

        Nothing is awaited between this and the reply (G10). It waits itself only if the conversation was
        dropped from memory meanwhile.
        """
        current = await self._conversations.load(session.user.app, right.conversation)
        member = None if current is None else current.members.get(session.user.id)
        if member is None or member.first != right.first:
            raise NotFound


class Right(NamedTuple):
    """What a member may see: records of `conversation` from `first` on."""

    conversation: int
    first: int


def _refusal(query: Query, error: Exception) -> Reply:
    if isinstance(error, NotFound):
        return Reply(id=query.id, code=Code.NOT_FOUND, reason=_NOT_FOUND)
    if isinstance(error, MediaRefused):
        return Reply(id=query.id, code=error.code, reason=error.reason)
    return Reply(id=query.id, code=Code.INVALID, reason=str(error)[: protocol_limits.REASON_BYTES_MAX // 4])
