"""Digests: what changes them, what does not, and what a sum of their terms notices."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from improtocol import Entry, Kind, pack, read_entry
from improtocol.digest import (
    DIGEST_MAX,
    entry_digest,
    entry_term,
    erased_payload,
    record_digest,
    sum_terms,
    term_of,
)
from improtocol.entries import Erased, Unreadable

ENTRY = Entry(Kind.MESSAGE, 1_767_225_600_000, "bob", 4711, 3, pack("hello"))
DIGESTS = st.integers(0, DIGEST_MAX)
SEQS = st.integers(1, 2**53 - 1)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": Kind.EDITED},
        {"at_ms": ENTRY.at_ms + 1},
        {"sender": "bo"},
        {"conversation": 4712},
        {"payload": pack("hellp")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_a_record_says_changes_its_digest(change: dict[str, object]) -> None:
    assert entry_digest(replace(ENTRY, **change)) != entry_digest(ENTRY)  # type: ignore[arg-type]


def test_where_it_stands_changes_its_term_and_not_its_digest() -> None:
    moved = replace(ENTRY, seq=4)
    assert entry_digest(moved) == entry_digest(ENTRY)
    assert entry_term(moved) != entry_term(ENTRY)


def test_bytes_do_not_move_between_sender_and_payload_unnoticed() -> None:
    assert record_digest(0, 1, "ab", 1, b"\xa1c") != record_digest(0, 1, "a", 1, b"b\xa1c")


@given(st.lists(st.tuples(DIGESTS, SEQS), min_size=1, max_size=9), st.randoms())
def test_a_sum_does_not_depend_on_the_order(terms: list[tuple[int, int]], random: object) -> None:
    entries = [replace(ENTRY, seq=seq, payload=pack(digest)) for digest, seq in terms]
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sum_terms(entries) == sum_terms(shuffled)


@given(DIGESTS, DIGESTS, SEQS, SEQS)
def test_two_records_that_changed_places_change_the_sum(one: int, other: int, here: int, there: int) -> None:
    """A term that were linear in digest and place would not notice."""
    assume(one != other and (here - there) % 2**32)
    straight = term_of(one, here) + term_of(other, there) & DIGEST_MAX
    crossed = term_of(other, here) + term_of(one, there) & DIGEST_MAX
    if straight == crossed:  # one in four thousand million
        assert (one, other, here, there) == (0, 0, 0, 0)


@given(DIGESTS, DIGESTS, SEQS)
def test_at_one_place_different_digests_have_different_terms(one: int, other: int, seq: int) -> None:
    assert (term_of(one, seq) == term_of(other, seq)) is (one == other)


@pytest.mark.parametrize(
    ("kind", "payload"), [(Kind.MESSAGE, pack("secret")), (Kind.EDITED, pack([70_000, "secret"]))]
)
def test_an_erased_record_says_what_it_was_and_nothing_of_its_text(kind: Kind, payload: bytes) -> None:
    entry = replace(ENTRY, kind=kind, payload=payload)
    digest = entry_digest(entry)
    erased = erased_payload(kind, 70_000, digest)
    assert erased is not None
    gone = replace(entry, payload=erased)
    assert entry_digest(gone) == digest
    assert read_entry(gone) == Erased(digest=digest)
    assert b"secret" not in erased


def test_an_erased_record_whose_digest_is_forgotten_counts_as_it_stands() -> None:
    assert erased_payload(Kind.MESSAGE, 0, None) == pack(None)
    assert erased_payload(Kind.EDITED, 2, None) == pack([2, None])
    assert erased_payload(Kind.REACTED, 2, 5) is None
    gone = replace(ENTRY, payload=pack(None))
    assert entry_digest(gone) == record_digest(0, ENTRY.at_ms, "bob", 4711, pack(None))
    assert read_entry(gone) == Erased()


def test_text_that_looks_like_an_erased_record_is_text() -> None:
    looks = replace(ENTRY, kind=Kind.EDITED, payload=pack([2, "a\u0004b\u0004"]))
    assert entry_digest(looks) == record_digest(Kind.EDITED, ENTRY.at_ms, "bob", 4711, looks.payload)


def test_bytes_of_another_length_are_no_digest() -> None:
    assert isinstance(read_entry(replace(ENTRY, payload=pack(b"12345"))), Unreadable)


def test_read_marks_add_nothing() -> None:
    assert entry_term(replace(ENTRY, kind=Kind.READ)) == 0
