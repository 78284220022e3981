"""Queries and replies: every one survives the wire, and a bad one is refused by name."""

from typing import Any

import pytest
from hypothesis import given

from improtocol import Entry, Role, limits, pack, queries, unpack
from tests.protocol.strategies_frames import answers, payload_of, questions


@given(questions)
def test_a_question_comes_back_as_it_was(question: queries.Question) -> None:
    arguments: Any = unpack(pack(list(question.arguments())))
    assert queries.question_from(int(question.OP), arguments) == question
    whole: Any = unpack(pack([getattr(question, name) for name in question.__dataclass_fields__]))
    assert queries.question_from(int(question.OP), [*whole, "from", "later"]) == question


def test_arguments_that_hold_their_default_are_left_out() -> None:
    assert queries.History(conversation=7).arguments() == (7,)
    assert queries.History(conversation=7, limit=20).arguments() == (7, 0, 20)
    assert queries.Conversations().arguments() == ()
    assert queries.Conversations(after=0).arguments() == (0, 0, 50, 0)
    assert queries.Members(conversation=7).arguments() == (7,)
    assert queries.Upload(size=1, mime="a/b").arguments() == (1, "a/b")


@given(answers)
def test_an_answer_comes_back_as_it_was(answer: Any) -> None:
    value: Any = unpack(payload_of(answer))
    assert type(answer).from_value(value) == answer
    if not isinstance(answer, queries.PresenceList):  # its payload is the bare list of rows
        assert type(answer).from_value([*value, "from", "later"]) == answer


def test_there_is_a_class_for_every_op() -> None:
    assert {queries.QueryOp(kind.OP) for kind in queries.Question.__args__} == set(queries.QueryOp)


@pytest.mark.parametrize(
    ("op", "arguments", "complaint"),
    [
        (0, [], "query 0 is unknown"),
        (8, [], "query 8 is unknown"),
        (1, [], "^query HISTORY takes conversation, before, limit; conversation is missing$"),
        (2, [0, None], "before_id must be an integer"),
        (1, [0], "conversation must lie in 1"),
        (1, [1, -1], "before must lie in"),
        (1, [1, 0, 201], "limit must lie in 1..200"),
        (1, [1, None], "before must be an integer"),
        (2, [0, 0, 0], "limit must lie in 1..200"),
        (3, [1, None], "after must be text"),
        (4, [0, "a/b"], "size must lie in"),
        (4, [1], "^query UPLOAD takes size, mime, name; mime is missing$"),
        (5, [1], "^query LINK takes conversation, seq, media; seq is missing$"),
        (5, [1, 1, b"x"], "media must have 32"),
        (6, [], "users must be a list"),
        (6, [[]], "ask for 1..200 users"),
        (6, [["u"] * 201], "ask for 1..200 users"),
        (6, [[7]], "user must be text"),
        (7, [None], "conversation must be an integer"),
    ],
)
def test_a_bad_question_is_refused_by_name(op: int, arguments: list[Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        queries.question_from(op, arguments)


_INFO: list[Any] = [1, 1, "t", "u", 0, 5, 1, 2, 3, 2, 1_000, None]


def _info(index: int, value: Any) -> list[Any]:
    return [*_INFO[:index], value, *_INFO[index + 1 :]]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (queries.HistoryPage, None),
        (queries.HistoryPage, [[], 0]),
        (queries.HistoryPage, [{}, 0, True]),
        (queries.HistoryPage, [[], None, True]),
        (queries.HistoryPage, [[], 0, 1]),
        (queries.HistoryPage, [[["x", 0]], 0, True]),
        (queries.ConversationsPage, [0, None, True]),
        (queries.ConversationsPage, [0, [[]], True]),
        (queries.MembersPage, [[["u", 0, 1]], True]),
        (queries.MembersPage, [[["u", 5, 1, 1]], True]),
        (queries.MembersPage, [[["u", True, 1, 1]], True]),
        (queries.UploadSlot, ["", "t", 1]),
        (queries.MediaLink, ["u", -1]),
        (queries.PresenceList, [["u", 1, 1]]),
        (queries.PresenceList, "u"),
        *((queries.ConversationInfo, _info(index, None)) for index in range(11)),
        (queries.ConversationInfo, _info(1, 3)),
        (queries.ConversationInfo, _info(1, 1.0)),
        (queries.ConversationInfo, _info(4, 3)),
        (queries.ConversationInfo, _info(11, [0, 1, "u", 1])),
        (queries.ConversationInfo, _info(11, [0, 1, "u", 1, "not bytes"])),
    ],
)
def test_a_bad_answer_is_a_value_error(kind: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        kind.from_value(value)


def test_the_entry_of_a_conversation_list_keeps_its_bytes() -> None:
    last = Entry(0, 1_000, "u", 1, 5, pack("hi"))
    info = queries.ConversationInfo.from_value(_info(11, [0, 1_000, "u", 5, pack("hi")]))
    assert info.last == last


def test_a_page_of_the_largest_group_fits_a_frame() -> None:
    members = tuple(
        queries.MemberInfo(user="u" * limits.USER_BYTES_MAX, role=Role.MEMBER, read=2**40, delivered=2**40)
        for _ in range(limits.MEMBERS_MAX)
    )
    assert len(queries.MembersPage(members=members, complete=True).to_payload()) < limits.FRAME_BYTES_MAX
