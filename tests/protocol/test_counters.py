"""Counters in seven bits, or whole when these would not tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from improtocol import limits
from improtocol.counters import counter_from_wire, counter_to_wire, expand_counter

counters = st.integers(1, limits.INT_MAX)


@given(counters, st.integers(0, limits.INT_MAX - 1))
def test_any_counter_survives_after_any_other(counter: int, last: int) -> None:
    assert counter_from_wire(counter_to_wire(counter, last), last) == counter


@given(st.integers(0, 2**40), st.integers(-limits.COMMANDS_IN_FLIGHT_MAX, limits.COMMANDS_IN_FLIGHT_MAX))
def test_within_the_window_seven_bits_are_enough(last: int, step: int) -> None:
    counter = max(1, last + step)
    assert counter_to_wire(counter, last) == counter % 128


@pytest.mark.parametrize(
    ("counter", "last", "wire"),
    [
        (1, 0, 1),
        (127, 126, 127),
        (128, 127, 0),
        (129, 128, 1),
        (64, 0, 64),  # the last one ahead of the start
        (128, 0, 0),  # 0 itself is no counter, so its bits mean the next that has them
        (129, 0, -129),
        (1_063, 999, 39),  # 63 ahead of the next one
        (1_064, 999, -1_064),
        (936, 999, 40),  # 64 behind the next one
        (935, 999, -935),
        (501, 1_000, -501),  # a restored server set the stream back
        (2**53 - 1, 0, -(2**53 - 1)),
    ],
)
def test_near_the_edges(counter: int, last: int, wire: int) -> None:
    assert counter_to_wire(counter, last) == wire
    assert counter_from_wire(wire, last) == counter


@given(st.integers(0, 127), st.integers(1, 2**52))
def test_the_pseudo_code_of_the_specification_gives_the_same(low_bits: int, near: int) -> None:
    candidate = near - near % 128 + low_bits
    if candidate > near + 63:
        candidate -= 128
    elif candidate < near - 64:
        candidate += 128
    if candidate < 1:
        candidate += 128
    assert expand_counter(low_bits, near) == candidate


@pytest.mark.parametrize("value", [128, 2**53, -(2**53), None, "1", 1.0, True, [1]])
def test_nothing_else_is_a_counter(value: object) -> None:
    with pytest.raises(ValueError, match="7 bits, or whole and negative"):
        counter_from_wire(value, 0)  # type: ignore[arg-type]
