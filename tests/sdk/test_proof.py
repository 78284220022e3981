"""What a device may claim, and what confirms it."""

from hypothesis import given
from hypothesis import strategies as st

from improtocol.digest import DIGEST_MAX
from improtocol.limits import DIGEST_SPAN_MAX
from imsdk.proof import COMPARE_AFTER, ENTRIES_MIN, Proof


def attached(cursor: int = 40, base: int = 30, digest: int | None = 7) -> Proof:
    """On a connection whose greeting was found equal."""
    proof = Proof(cursor, base, digest)
    proof.claim()
    proof.attached(0)
    return proof


def test_a_new_device_claims_nothing_and_begins_its_sum() -> None:
    proof = Proof(0, 0, None)
    assert proof.claim() == (None, 0)
    assert proof.kept == (0, None)
    proof.attached(0)
    proof.committed(3, 5, 3)
    assert proof.kept == (0, 5)
    assert proof.claim() == (5, 3)


def test_what_is_kept_beside_the_cursor_is_claimed_after_a_restart() -> None:
    proof = attached()
    proof.committed(42, DIGEST_MAX, 2)
    assert proof.kept == (30, 6)
    assert Proof(42, *proof.kept).claim() == (6, 12)


def test_an_answer_without_resync_verifies_the_cursor_and_one_with_it_does_not() -> None:
    assert attached().verified == 40
    proof = Proof(40, 30, 7)
    proof.claim()
    proof.attached(4)
    assert proof.verified == 30


def test_little_is_compared_only_when_it_is_wanted() -> None:
    proof = attached()
    proof.committed(41, 5, 1)
    assert proof.tell(40, 0, now=False) is None
    assert proof.tell(40, 0, now=True) == 5
    assert proof.tell(41, 0, now=True) is None, "it was compared"
    proof.committed(41 + COMPARE_AFTER, 6, 16)
    assert proof.tell(41, 0, now=False) == 11, "the sum of the whole connection"


def test_a_sum_is_confirmed_by_the_pong_of_a_later_ping_only() -> None:
    proof = attached()
    proof.pinged()
    proof.committed(41, 5, 1)
    proof.tell(40, 0, now=True)
    proof.ponged()
    assert proof.verified == 40
    proof.pinged()
    proof.ponged()
    assert proof.verified == 41


def test_a_sum_is_confirmed_by_the_result_of_a_later_command_only() -> None:
    proof = attached()
    proof.committed(41, 5, 1)
    proof.tell(40, 8, now=True)
    proof.answered(8)
    assert proof.verified == 40
    proof.answered(9)
    assert proof.verified == 41


def test_a_sum_is_confirmed_by_events_beyond_the_window_of_the_ack_before() -> None:
    proof = attached()
    proof.committed(60, 5, 1)
    proof.tell(40, 8, now=True)
    proof.reached(296)
    assert proof.verified == 40
    proof.reached(297)
    assert proof.verified == 60


def test_a_difference_takes_back_what_was_told_and_what_lies_behind_it() -> None:
    proof = attached()
    proof.committed(41, 5, 1)
    proof.tell(40, 8, now=True)
    proof.differs(35)
    proof.answered(9)
    assert proof.verified == 35


def test_a_new_connection_confirms_nothing_of_the_old_one() -> None:
    proof = attached()
    proof.committed(41, 5, 1)
    proof.tell(40, 8, now=True)
    proof.claim()
    proof.answered(9)
    proof.pinged()
    proof.ponged()
    assert proof.verified == 40


def test_a_stretch_too_long_to_be_compared_is_begun_anew() -> None:
    proof = Proof(DIGEST_SPAN_MAX + 31, 30, 7)
    assert proof.claim() == (None, 0)
    proof.attached(0)
    assert proof.kept == (DIGEST_SPAN_MAX + 31, 0)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, DIGEST_MAX), st.booleans()), max_size=60))
def test_the_stretch_is_short_holds_enough_and_all_that_was_not_compared(
    ranges: list[tuple[int, int, bool]],
) -> None:
    proof = Proof(0, 0, None)
    proof.claim()
    proof.attached(0)
    ends, terms, cursor = [0], [0], 0
    for positions, added, compare in ranges:
        cursor += positions
        proof.committed(cursor, added, 1)
        ends.append(cursor)
        terms.append(added)
        if compare:
            proof.tell(ends[-2], 0, now=True)
            proof.answered(1)
    base, digest = proof.kept
    first = ends.index(base)
    assert digest == sum(terms[first + 1 :]) & DIGEST_MAX
    assert base <= proof.verified
    assert len(ends) - 1 - first >= min(len(ranges), ENTRIES_MIN)
    if ranges and all(compare for *_, compare in ranges):
        assert len(ends) - 1 - first <= 2 * ENTRIES_MIN


def test_what_was_never_compared_stays_in_the_stretch_however_long_it_gets() -> None:
    proof = Proof(0, 0, None)
    proof.claim()
    proof.attached(0)
    for cursor in range(1, 100):
        proof.committed(cursor, 1, 1)
    assert proof.kept[0] <= proof.verified == 0
    assert proof.claim() == (99, 99)
