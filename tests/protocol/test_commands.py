"""Commands: every one survives the wire, with and without its conversation said."""

from typing import Any

import pytest
from hypothesis import given

from improtocol import Body, Role, Text, Unknown, commands, limits, pack, unpack
from improtocol.action_codec import action_from_values, action_to_values, digest_of
from improtocol.commands import Action, Post
from tests.protocol.strategies import actions

BODY = Body(content=Text("x"))


@given(actions)
def test_a_command_comes_back_as_it_was(action: Action) -> None:
    values: Any = unpack(pack(action_to_values(action)))
    assert action_from_values(values, None) == action
    assert action_from_values([*values, "from", "later"], None) == action
    if not isinstance(action, commands.Logout):
        assert action_from_values(values[:-1], action.conversation) == action
        assert action_from_values([*values[:-1], None, "later"], action.conversation) == action


def test_every_op_is_tried_above() -> None:
    kinds = set(Action.__args__)
    assert len(kinds) == len(commands.Op) == 12
    sample = [
        Post(conversation=1, body=BODY),
        commands.Edit(conversation=1, target=1, body=BODY),
        commands.Recall(conversation=1, target=1),
        commands.React(conversation=1, target=1, emoji="👍"),
        commands.MarkRead(conversation=1, seq=1),
        commands.Create(conversation=1),
        commands.Invite(conversation=1, users=("u",)),
        commands.Leave(conversation=1),
        commands.Remove(conversation=1, user="u"),
        commands.SetRole(conversation=1, user="u", role=Role.ADMIN),
        commands.Rename(conversation=1, title="t"),
        commands.Logout(),
    ]
    assert [action_to_values(action)[0] for action in sample] == list(commands.Op)
    assert {type(action) for action in sample} == kinds


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([], "command None is unknown"),
        ([0, 1], "command 0 is unknown"),
        ([13, 1], "command 13 is unknown"),
        ([True, "x", 1], "command True is unknown"),
        (["1"], "command '1' is unknown"),
        ([1], "POST needs 1 arguments"),
        ([2, 1], "EDIT needs 2 arguments"),
        ([1, "x"], "must say its conversation"),
        ([8], "must say its conversation"),
        ([1, "x", 0], "conversation must lie in 1"),
        ([1, "x", 2**53], "conversation must lie in 1"),
        ([1, "x", True], "conversation must be an integer"),
        ([1, "x", ""], "user must not be empty"),
        ([3, 0, 1], "target must lie in 1"),
        ([4, 1, "", True, 1], "emoji must not be empty"),
        ([4, 1, "x", 1, 1], "on must be true or false"),
        ([5, 0, 1], "seq must lie in 1"),
        ([6, "t", [], "u1"], "conversation must be an integer"),
        ([6, "t", None, 1], "users must be a list"),
        ([6, "t", ["u", "u"], 1], "named once only"),
        ([6, "t", [7], 1], "user must be text"),
        ([7, [], 1], "invite at least one user"),
        ([9, None, 1], "user must be text"),
        ([10, "u", 3, 1], "role must lie in 0..2"),
        ([10, "u", True, 1], "role must be an integer"),
        ([11, None, 1], "title must be text"),
    ],
)
def test_a_bad_command_is_refused_by_name(values: list[Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        action_from_values(values, None)


@pytest.mark.parametrize("value", [[99, ["from a later version"]], "", "x" * 40_000, [3, [91.0, 0.0]], None])
@pytest.mark.parametrize("op", [[1], [2, 5]])
def test_a_body_this_version_cannot_read_spoils_only_its_own_command(op: list[Any], value: Any) -> None:
    """Or one message from a newer app would end the connection at every retry, and block all behind it."""
    action = action_from_values([*op, value, 7], None)
    assert isinstance(action, Post | commands.Edit)
    assert action.conversation == 7
    assert isinstance(action.body.content, Unknown)
    assert action.body.content.reason
    digest_of(action)


def test_the_digest_tells_commands_apart() -> None:
    unknown = [action_from_values([1, [99, [word]], 7], None) for word in ("a", "b")]
    posts = [
        Post(conversation=7, body=BODY),
        Post(conversation=8, body=BODY),
        Post(conversation=7, body=Body(content=Text("y"))),
        commands.Edit(conversation=7, target=1, body=BODY),
        commands.Edit(conversation=7, target=2, body=BODY),
        *unknown,
    ]
    assert len({digest_of(action) for action in posts}) == len(posts)
    assert digest_of(posts[0]) == digest_of(Post(conversation=7, body=Body(content=Text("x"))))
    assert 0 <= digest_of(posts[0]) < 2**32


def test_limits_hold_on_construction() -> None:
    too_many = tuple(f"u{number}" for number in range(limits.USERS_PER_COMMAND_MAX + 1))
    with pytest.raises(ValueError, match="at most 500 users"):
        commands.Create(conversation=1, members=too_many)
    with pytest.raises(ValueError, match="must be a Body, not str"):
        Post(conversation=1, body="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="role must be a Role"):
        commands.SetRole(conversation=1, user="u", role=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="title may have at most 255 bytes"):
        commands.Rename(conversation=1, title="x" * 256)
