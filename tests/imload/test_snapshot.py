"""After RESYNC: pages of conversations and histories until nothing newer is left, then SEEK."""

import pytest

from imload.snapshot import Snapshot
from improtocol import Entry, Kind, RemoteProtocolError, frames, pack
from improtocol.answers import ConversationInfo, ConversationsPage, HistoryPage
from improtocol.entries import ConversationType, Role


class Desk:
    """Answers the snapshot's questions from two conversations, two records a page."""

    def __init__(self, known: dict[int, int]) -> None:
        self.asked: list[frames.Query] = []
        self.taken: dict[int, list[int]] = {}
        self.heads = {7: 5, 9: 3}
        self.snapshot = Snapshot(self._send, lambda conversation: known.get(conversation, 0))

    def _send(self, frame: frames.Frame) -> None:
        assert isinstance(frame, frames.Query)
        self.asked.append(frame)

    def answer(self) -> int | None:
        query = self.asked[-1]
        payload = self._list() if query.op == 2 else self._history(query)
        reply = frames.Reply(id=query.id, payload=payload)
        return self.snapshot.reply(reply, lambda c, found: self.taken.update({c: [e.seq for e in found]}))

    def _list(self) -> bytes:
        infos = tuple(
            ConversationInfo(
                conversation=conversation,
                type=ConversationType.DIRECT,
                title="",
                peer="bob",
                role=Role.MEMBER,
                head=head,
                first=1,
                read=0,
                unread=0,
                members=2,
                changed_ms=1,
            )
            for conversation, head in self.heads.items()
        )
        return ConversationsPage(head=40, conversations=infos, complete=True).to_payload()

    def _history(self, query: frames.Query) -> bytes:
        conversation, before = query.arguments[0], query.arguments[1]
        assert isinstance(conversation, int)
        assert isinstance(before, int)
        top = (before or self.heads[conversation] + 1) - 1
        seqs = range(max(1, top - 1), top + 1)
        entries = tuple(Entry(Kind.MESSAGE, 1, "bob", conversation, seq, pack("x")) for seq in seqs)
        return HistoryPage(entries=entries, first=seqs[0], complete=seqs[0] == 1).to_payload()


def test_everything_newer_is_taken_in_order_and_nothing_twice() -> None:
    desk = Desk(known={7: 2})
    positions = [desk.answer() for _ in range(5)]
    assert positions == [None, None, None, None, 40]
    assert desk.taken == {7: [3, 4, 5], 9: [1, 2, 3]}


def test_nothing_newer_ends_with_the_list() -> None:
    desk = Desk(known={7: 5, 9: 3})
    assert desk.answer() == 40
    assert desk.taken == {}


def test_refusal_ends_the_connection_and_a_refusal_for_now_asks_again() -> None:
    desk = Desk(known={})
    busy = frames.Reply(id=desk.asked[-1].id, code=201, retry_after_ms=1)
    assert desk.snapshot.reply(busy, lambda *_: None) is None
    assert len(desk.asked) == 2
    refused = frames.Reply(id=desk.asked[-1].id, code=501)
    with pytest.raises(RemoteProtocolError):
        desk.snapshot.reply(refused, lambda *_: None)
