"""What entries mean, and that no entry is ever lost for being unreadable."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from improtocol import Entry, Kind, pack, read_entry
from improtocol import entries as e
from tests.protocol.strategies import meanings, values


def entry(kind: int, payload: bytes) -> Entry:
    return Entry(kind, 1, "u1", 1, 1, payload)


@given(meanings)
def test_every_kind_is_read_as_it_was_meant(meant: tuple[Kind, bytes, e.Meaning]) -> None:
    kind, payload, meaning = meant
    assert read_entry(entry(kind, payload)) == meaning


@given(st.integers(0, 127), st.binary(min_size=1, max_size=60) | values(5).map(pack))
def test_reading_never_fails(kind: int, payload: bytes) -> None:
    meaning = read_entry(entry(kind, payload))
    if kind > max(Kind):
        assert isinstance(meaning, e.Unreadable)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.EDITED, None),
        (Kind.EDITED, [0, "x"]),
        (Kind.EDITED, [1]),
        (Kind.RECALLED, []),
        (Kind.RECALLED, [True]),
        (Kind.REACTED, [1, "x"]),
        (Kind.REACTED, [1, "a\nb", True]),
        (Kind.CREATED, [1, "t"]),
        (Kind.CREATED, [3, "t", []]),
        (Kind.CREATED, [1.0, "t", []]),
        (Kind.CREATED, [1, "t", ["u"]]),
        (Kind.CREATED, [1, "t", [["u", 9]]]),
        (Kind.JOINED, [7]),
        (Kind.REMOVED, [""]),
        (Kind.ROLE, ["u", False]),
        (Kind.RENAMED, [None]),
        (11, ["from a later version"]),
    ],
)
def test_what_cannot_be_read_is_a_typed_gap_with_its_reason(kind: int, value: Any) -> None:
    meaning = read_entry(entry(kind, pack(value)))
    assert isinstance(meaning, e.Unreadable)
    assert meaning.reason.startswith(f"entry of kind {kind}: ")


def test_a_recalled_message_and_its_edits_are_erased() -> None:
    assert read_entry(entry(Kind.MESSAGE, e.ERASED_PAYLOAD)) == e.Erased()
    assert read_entry(entry(Kind.EDITED, pack([1, None]))) == e.Erased()


@pytest.mark.parametrize(
    "fields",
    [
        (-1, 1, "u", 1, 1, b"\xc0"),
        (128, 1, "u", 1, 1, b"\xc0"),
        (0, -1, "u", 1, 1, b"\xc0"),
        (0, 2**53, "u", 1, 1, b"\xc0"),
        (0, 1, "u" * 129, 1, 1, b"\xc0"),
        (0, 1, "a\0", 1, 1, b"\xc0"),
        (0, 1, None, 1, 1, b"\xc0"),
        (0, 1, "u", 0, 1, b"\xc0"),
        (0, 1, "u", 1, -1, b"\xc0"),
        (0, 1, "u", 1, True, b"\xc0"),
        (0, 1, "u", 1, 1, b""),
        (0, 1, "u", 1, 1, "x"),
    ],
)
def test_an_invalid_entry_cannot_exist(fields: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"^entry"):
        Entry(*fields)
