"""Bodies: the bare string for plain text, and a reader that never loses a message."""

import re
from typing import Any

import pytest
from hypothesis import given

from improtocol import Body, Location, Text, Unknown, body_from_value, pack_body, read_body, unpack
from improtocol.body_codec import plain_text_body
from tests.protocol.strategies import bodies, text, values


@given(bodies)
def test_a_body_comes_back_as_it_was(body: Body) -> None:
    packed = pack_body(body)
    value = unpack(packed)
    assert body_from_value(value) == read_body(value) == body
    assert pack_body(body_from_value(value)) == packed


@given(text(1_000))
def test_plain_text_is_only_the_string(plain: str) -> None:
    body = Body(content=Text(plain))
    assert body.to_value() == plain
    assert plain_text_body(plain) == body
    assert hash(plain_text_body(plain)) == hash(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (Body(content=Text("x"), reply_to=7), [1, ["x"], 7]),
        (Body(content=Text("x"), mentions=("u1",)), [1, ["x"], None, ["u1"]]),
        (Body(content=Text("x"), reply_to=7, mentions=("u1", "u2")), [1, ["x"], 7, ["u1", "u2"]]),
        (Body(content=Location(latitude=1.0, longitude=2.0)), [3, [1.0, 2.0]]),
    ],
)
def test_other_bodies_are_lists_without_trailing_nothing(body: Body, value: Any) -> None:
    assert body.to_value() == value
    assert body_from_value([*value, *[None, []][len(value) - 2 :], "from", "later"]) == body


@pytest.mark.parametrize("plain", ["", "x" * 32_769, "中" * 10_923, "a\0", "中\0"])
def test_text_that_breaks_a_rule_is_refused_also_on_the_fast_path(plain: str) -> None:
    with pytest.raises(ValueError, match=r"^text"):
        plain_text_body(plain)
    with pytest.raises(ValueError, match=r"^text"):
        body_from_value(plain)


@given(values(6))
def test_reading_a_body_never_fails(value: Any) -> None:
    content = read_body(value).content
    if isinstance(content, Unknown):
        with pytest.raises(ValueError, match=re.escape(content.reason)):
            body_from_value(value)
    else:
        assert body_from_value(value) == read_body(value)


def test_what_cannot_be_read_is_kept_whole() -> None:
    body = read_body([77, ["a", 1], 3, ["u1"]])
    assert body.content == Unknown(
        type=77, fields=("a", 1), reason="content type 77 is unknown to this version"
    )
    with pytest.raises(ValueError, match="cannot be sent"):
        body.to_value()


def test_a_body_that_cannot_be_packed_says_so() -> None:
    with pytest.raises(ValueError, match="reply_to must lie in 1"):
        Body(content=Text("x"), reply_to=0)
    with pytest.raises(ValueError, match="mentions at most 100 users, not 101"):
        Body(content=Text("x"), mentions=("u",) * 101)
    with pytest.raises(ValueError, match="one of the content types, not str"):
        Body(content="x")  # type: ignore[arg-type]
