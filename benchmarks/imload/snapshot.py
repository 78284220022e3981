"""The snapshot that follows RESYNC: the conversation list, then the history of what moved, then SEEK."""

from collections.abc import Callable
from itertools import count

from improtocol import Entry, Kind, NextAction, RemoteProtocolError, action_of, frames, unpack
from improtocol.answers import ConversationsPage, HistoryPage
from improtocol.limits import PAGE_MAX
from improtocol.questions import Conversations, History

_IDS = count(1)
Take = Callable[[int, list[Entry]], None]


class Snapshot:
    """Asks page after page.

    Args:
        send: a frame.
        known: the last seq that the device has of a conversation; 0: nothing of it.
    """

    __slots__ = ("_asked", "_entries", "_head", "_known", "_send", "_todo")

    def __init__(
        self,
        send: Callable[[frames.Frame], object],
        known: Callable[[int], int],
    ) -> None:
        self._send = send
        self._known = known
        self._head: int | None = None
        self._todo: list[int] = []
        self._entries: dict[int, Entry] = {}
        self._asked: tuple[int, Conversations | History]
        self._ask(Conversations(after=0, limit=PAGE_MAX))

    def _ask(self, question: Conversations | History) -> None:
        query = frames.Query(id=next(_IDS), op=question.OP, arguments=question.arguments())
        self._asked = query.id, question
        self._send(query)

    def reply(self, reply: frames.Reply, take: Take) -> int | None:
        """Take a reply; returns the position to SEEK once everything is there.

        `take` gets what is newer of one conversation once it is whole, in rising order.

        Raises:
            RemoteProtocolError: the server refused, or the reply is none to what was asked.
        """
        id, question = self._asked
        if reply.id != id:
            return None
        if reply.code and action_of(reply.code) is NextAction.RETRY_AFTER:
            self._ask(question)
            return None
        if reply.code:
            raise RemoteProtocolError(f"the snapshot was refused: {reply.code} {reply.reason}")
        try:
            value = unpack(reply.payload)
            if isinstance(question, Conversations):
                self._listed(ConversationsPage.from_value(value))
            else:
                self._read(question, HistoryPage.from_value(value), take)
        except (ValueError, TypeError, IndexError) as error:
            raise RemoteProtocolError(f"the snapshot's reply: {error}") from None
        if self._asked[0] != id:
            return None  # more was asked
        assert self._head is not None
        return self._head

    def _listed(self, page: ConversationsPage) -> None:
        if self._head is None:
            self._head = page.head  # of the first page: whatever comes meanwhile is sent again after SEEK
        self._todo += [
            info.conversation for info in page.conversations if info.head > self._known(info.conversation)
        ]
        if page.complete or not page.conversations:
            self._next()
        else:
            self._ask(Conversations(after=page.conversations[-1].conversation, limit=PAGE_MAX))

    def _next(self) -> None:
        if self._todo:
            self._entries.clear()
            self._ask(History(conversation=self._todo[-1], limit=PAGE_MAX))

    def _read(self, question: History, page: HistoryPage, take: Take) -> None:
        conversation = self._todo[-1]
        known = self._known(conversation)
        for entry in page.entries:
            if entry.kind in (Kind.MESSAGE, Kind.CREATED) and entry.seq > known:
                self._entries[entry.seq] = entry
        if page.complete or page.first <= known + 1 or not page.entries:
            self._todo.pop()
            take(conversation, [self._entries[seq] for seq in sorted(self._entries)])
            self._next()
        else:
            self._ask(History(conversation=conversation, before=page.first, limit=question.limit))
