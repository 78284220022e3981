"""Content types: every one survives the wire, keeps its limits, and forgives what a later version adds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from improtocol import (
    Body,
    Button,
    Card,
    Content,
    Custom,
    File,
    Image,
    Location,
    Media,
    Notice,
    Sticker,
    Text,
    Unknown,
    Video,
    Voice,
    body_from_value,
    limits,
    media_of,
    pack,
    unpack,
)
from improtocol.content import CONTENT_TYPES
from tests.protocol.strategies import contents

MEDIA = Media(id=b"m" * 32, size=1_000, mime="image/jpeg")
THUMBNAIL = b"t" * 32


def test_there_is_a_strategy_for_every_type() -> None:
    assert set(contents) == set(CONTENT_TYPES.values())


@pytest.mark.parametrize("kind", contents, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_content_comes_back_as_it_was(kind: type[Content], data: st.DataObject) -> None:
    content = data.draw(contents[kind])
    fields = unpack(pack(content.to_fields()))
    assert isinstance(fields, list)
    assert kind.from_fields(fields) == content
    assert pack(kind.from_fields(fields).to_fields()) == pack(content.to_fields())


#: All fields of each type on the wire, none at its default.
_FILLED: dict[type[Content], list[Any]] = {
    Text: ["x"],
    Image: [MEDIA.to_value(), 1, 2, THUMBNAIL, "n"],
    Location: [1.5, 2.5, "n", "a"],
    Voice: [MEDIA.to_value(), 1],
    Video: [MEDIA.to_value(), 1, 2, 3, THUMBNAIL],
    File: [MEDIA.to_value(), "n"],
    Sticker: ["p", "n"],
    Card: ["t", "x", "p", "9", "l", [["b", "a"]], "order", "r"],
    Custom: ["k", 1],
    Notice: ["t", "k"],
}


@pytest.mark.parametrize("kind", _FILLED, ids=lambda kind: kind.__name__)
def test_unknown_trailing_fields_are_ignored(kind: type[Content]) -> None:
    fields = _FILLED[kind]
    content = kind.from_fields([*fields, "from", {"a": "later version"}])
    assert content == kind.from_fields(fields)
    assert content.to_fields() == fields, "each field has its place"


def test_trailing_defaults_are_left_out() -> None:
    assert Image(media=MEDIA, width=4, height=3).to_fields() == [MEDIA.to_value(), 4, 3]
    assert Image(media=MEDIA, width=4, height=3, name="n").to_fields() == [MEDIA.to_value(), 4, 3, None, "n"]
    assert Card(title="t").to_fields() == ["t"]
    assert Card(title="t", ref="r").to_fields() == ["t", "", "", "", "", [], "generic", "r"]
    assert Location(latitude=1.0, longitude=2.0).to_fields() == [1.0, 2.0]
    assert Notice(text="t").to_fields() == ["t"]


def test_whole_degrees_may_come_as_integers() -> None:
    assert Location.from_fields([31, -121]) == Location(latitude=31.0, longitude=-121.0)


_BREACHES: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "text must not be empty": (Text, {"text": ""}),
    "text may have at most 32768 bytes": (Text, {"text": "x" * 32_769}),
    "media id must have 32..32 bytes": (Media, {"id": b"x", "size": 1, "mime": "a/b"}),
    "media size must lie in 1..104857600": (Media, {"id": b"x" * 32, "size": 0, "mime": "a/b"}),
    "media type must be printable": (Media, {"id": b"x" * 32, "size": 1, "mime": "a/\nb"}),
    "width must lie in 1..65535": (Image, {"media": MEDIA, "width": 65_536, "height": 1}),
    "thumbnail must have": (Image, {"media": MEDIA, "width": 1, "height": 1, "thumbnail": b""}),
    "media must be a Media": (Image, {"media": None, "width": 1, "height": 1}),
    "latitude must be a float": (Location, {"latitude": True, "longitude": 0.0}),
    "latitude must lie in": (Location, {"latitude": 90.1, "longitude": 0.0}),
    "longitude must lie in": (Location, {"latitude": 0.0, "longitude": float("nan")}),
    "duration_ms must lie in": (Voice, {"media": MEDIA, "duration_ms": -1}),
    "height must lie in": (Video, {"media": MEDIA, "duration_ms": 1, "width": 1, "height": 0}),
    "plain name without a path": (File, {"media": MEDIA, "name": "../x"}),
    "file name must be one line": (File, {"media": MEDIA, "name": "a\nb"}),
    "sticker name must not be empty": (Sticker, {"pack": "p", "name": ""}),
    "card title must not be empty": (Card, {"title": ""}),
    "card kind must be one of": (Card, {"title": "t", "kind": "other"}),
    "at most 6 buttons, not 7": (Card, {"title": "t", "buttons": (Button(label="l", action="a"),) * 7}),
    "card buttons must be Buttons": (Card, {"title": "t", "buttons": (1,)}),
    "button label must not be empty": (Button, {"label": "", "action": "a"}),
    ": nested too deep": (Custom, {"kind": "k", "data": [[[[[[1]]]]]]}),
    "custom data: at most 4096 values": (Custom, {"kind": "k", "data": {"a": [0] * 3_000, "b": [0] * 1_092}}),
    "custom data may have at most 32768 bytes packed": (Custom, {"kind": "k", "data": "x" * 32_766}),
    "notice text must not be empty": (Notice, {"text": ""}),
}


@pytest.mark.parametrize("complaint", _BREACHES)
def test_a_breach_cannot_be_built_and_is_named(complaint: str) -> None:
    kind, fields = _BREACHES[complaint]
    with pytest.raises(ValueError, match=complaint):
        kind(**fields)


@pytest.mark.parametrize(
    "value",
    [
        [1],  # no fields
        [1, []],  # no field
        [1, "x"],
        [2, [None, 1, 1]],
        [2, [[b"x" * 32, 1], 1, 1]],
        [3, [1.0]],
        [3, ["1", "2"]],
        [6, [[b"x" * 32, 1, "a/b"]]],
        [8, ["t", "", "", "", "", [["only a label"]]]],
        [8, ["t", "", "", "", "", {}]],
        [8, ["t", "", "", "", "", [], ["order"]]],
        [99, ["x"]],
        [True, ["x"]],
        ["1", ["x"]],
        [1, ["x"], 0],
        [1, ["x"], None, "u1"],
        [1, ["x"], None, [""]],
        [1, ["x"], None, ["u"] * 101],
        None,
        5,
        {},
    ],
)
def test_no_bad_value_becomes_a_content(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        body_from_value(value)


def test_media_of_names_every_blob_that_is_shown() -> None:
    assert media_of(Image(media=MEDIA, width=1, height=1, thumbnail=THUMBNAIL)) == (MEDIA.id, THUMBNAIL)
    assert media_of(Image(media=MEDIA, width=1, height=1)) == (MEDIA.id,)
    assert media_of(Video(media=MEDIA, duration_ms=1, width=1, height=1, thumbnail=THUMBNAIL)) == (
        MEDIA.id,
        THUMBNAIL,
    )
    assert media_of(Voice(media=MEDIA, duration_ms=1)) == (MEDIA.id,)
    assert media_of(File(media=MEDIA, name="n")) == (MEDIA.id,)
    for other in (Text("x"), Card(title="t"), Unknown(type=99, fields=(), reason="")):
        assert media_of(other) == ()


def test_the_deepest_custom_data_fits_every_frame() -> None:
    """An edit to it in a history page is the deepest thing that travels."""
    data: Any = 1
    for _ in range(limits.CUSTOM_NESTING_MAX):
        data = [data]
    body = Body(content=Custom("k", data)).to_value()
    page = [15, 1, [[[1, 0, None, None, None, [7, body]]]]]
    assert unpack(pack(page)) == page
    with pytest.raises(ValueError, match="nested deeper than 12 levels"):
        unpack(pack([page]))
