"""The histogram: exact below 64 us, within 3.2 % above, exact in count and maximum, mergeable."""

import random

from hypothesis import given
from hypothesis import strategies as st

from imload.histogram import Histogram


def of(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record_s((value + 0.5) / 1e6)
    return histogram


@given(st.lists(st.integers(0, 10**10), min_size=1), st.floats(0.1, 100))
def test_percentile_is_never_below_the_true_one_and_at_most_one_bucket_above(
    values: list[int], percent: float
) -> None:
    rank = max(1, -int(-len(values) * percent // 100))
    true = sorted(values)[rank - 1]
    found = of(values).percentile_us(percent)
    assert true <= found <= true * (1 + 1 / 32) + 1


def test_two_merged_are_as_one() -> None:
    rng = random.Random(4)
    first, second = ([rng.randrange(10**7) for _ in range(500)] for _ in range(2))
    merged = of(first)
    merged.add(of(second))
    assert merged.summary_ms() == of(first + second).summary_ms()


def test_json_and_back_loses_nothing() -> None:
    histogram = of([0, 1, 63, 64, 65, 1000, 123_456, 10**9])
    assert Histogram.from_json(histogram.to_json()).summary_ms() == histogram.summary_ms()
    assert Histogram.from_json(histogram.to_json()).to_json() == histogram.to_json()


def test_empty_one_has_zeros() -> None:
    assert Histogram().summary_ms()["p99"] == 0
