"""Entries as differences: exact, compact, and safe to lean on."""

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgpack import fallback

from improtocol import Entry, Kind, pack, unpack
from improtocol.event_codec import (
    EventContext,
    array_header,
    decode_entries,
    encode_entries,
    line_of,
    pack_int,
)
from tests.protocol.dialogue import AT_MS
from tests.protocol.strategies import entries


def message(sender: str, conversation: int, seq: int, at_ms: int = AT_MS, text: str = "hi") -> Entry:
    return Entry(Kind.MESSAGE, at_ms, sender, conversation, seq, pack(text))


@given(st.lists(entries, max_size=40), st.data())
def test_entries_come_back_byte_identical_however_they_are_batched(
    sent: list[Entry], data: st.DataObject
) -> None:
    ours, theirs, received = EventContext(), EventContext(), []
    at = 0
    while at < len(sent):
        size = data.draw(st.integers(1, len(sent) - at))
        count, packed = encode_entries(sent[at : at + size], ours)
        value = unpack(array_header(count) + packed)
        assert value == fallback.unpackb(array_header(count) + packed)
        assert pack(value) == array_header(count) + packed, "canonical, so a receiver can keep the bytes"
        received += decode_entries(value, theirs)
        at += size
    assert received == sent


@pytest.mark.parametrize(
    ("entry", "form"),
    [
        (message("u1", 5, 11), ["hi", 0]),
        (message("u2", 5, 11), ["hi", 0, "u2"]),
        (message("u1", 5, 12), ["hi", 0, None, None, 12]),
        (message("u1", 6, 11), ["hi", 0, None, 6, 11]),
        (message("u2", 6, 1, AT_MS - 7), ["hi", -7, "u2", 6, 1]),
        (Entry(Kind.READ, AT_MS + 3, "u1", 5, 10, b"\xc0"), [4, 3, "u1", 5, 10]),
        (Entry(Kind.RECALLED, AT_MS, "u1", 5, 11, pack([9])), [2, 0, None, None, None, [9]]),
        (Entry(Kind.LEFT, AT_MS, "u2", 5, 12, b"\xc0"), [7, 0, "u2", None, 12, None]),
        (Entry(Kind.MESSAGE, AT_MS, "u1", 5, 11, b"\xc0"), [None, 0]),
    ],
)
def test_each_entry_says_only_what_differs_from_the_one_before(entry: Entry, form: list[Any]) -> None:
    context = EventContext()
    context.encode(line_of(message("u1", 5, 10)))
    assert unpack(context.encode(line_of(entry))) == form


def test_a_read_mark_leaves_the_context_but_for_the_time() -> None:
    context = EventContext()
    context.encode(line_of(message("u1", 5, 10)))
    context.encode(line_of(Entry(Kind.READ, AT_MS + 100, "u2", 77, 3, b"\xc0")))
    assert unpack(context.encode(line_of(message("u1", 5, 11, AT_MS + 150)))) == ["hi", 50]


@pytest.mark.parametrize(
    "value",
    [
        [],
        ["hi"],
        "hi",
        None,
        {},
        ["hi", None],
        ["hi", True],
        ["hi", 1.0],
        ["hi", 0],  # nothing was before it
        ["hi", 0, "u1"],
        ["hi", 0, "u1", 5],  # another conversation without its seq
        ["hi", 0, 7, 5, 1],
        ["hi", 0, "u1", 5, -1],
        ["hi", -1, "u1", 5, 1],
        ["hi", 2**60, "u1", 5, 1],
        [2, 0, "u1", 5, 1],  # no payload
        [4, 0, None, 5, 1],
        [4, 0, "u1", 5],
        [-1, 0, "u1", 5, 1, None],
        [128, 0, "u1", 5, 1, None],
    ],
)
def test_a_bad_entry_is_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_entries([value])
    with pytest.raises(ValueError, match=r"entries must be a list"):
        decode_entries(value) if not isinstance(value, list) else decode_entries("x")


@given(st.integers(-(2**53), 2**53))
def test_pack_int_is_msgpacks_own(number: int) -> None:
    assert pack_int(number) == msgpack.packb(number)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 255, 256, 65_535])
def test_array_header_is_msgpacks_own(length: int) -> None:
    packed: bytes = msgpack.packb([None] * length)
    assert array_header(length) + b"\xc0" * length == packed
