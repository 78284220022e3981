"""Retry delays: jittered from zero, doubling to a bound, on top of the server's wish."""

from random import Random

import pytest

from improtocol import NextAction
from imsdk.backoff import BACKGROUND_S_MAX, FIRST_S_MAX, FOREGROUND_S_MAX, Backoff


def delays(
    count: int, *, seed: int = 1, action: NextAction = NextAction.RETRY_NOW, after_ms: int = 0
) -> list[float]:
    backoff = Backoff(Random(seed))
    return [backoff.next_delay(action, after_ms) for _ in range(count)]


@pytest.mark.parametrize("seed", range(50))
def test_first_retry_comes_within_a_second(seed: int) -> None:
    assert 0.0 <= delays(1, seed=seed)[0] <= FIRST_S_MAX


def test_bound_doubles_and_then_stays_at_the_maximum() -> None:
    """The largest of many draws of the n-th delay comes close to 2**n seconds, and never beyond the cap."""
    by_attempt = list(zip(*(delays(8, seed=seed) for seed in range(300)), strict=True))
    largest = [max(draws) for draws in by_attempt]
    for attempt, seen in enumerate(largest):
        bound = min(BACKGROUND_S_MAX, 2.0**attempt)
        assert 0.9 * bound < seen <= bound


def test_jitter_reaches_down_to_zero_however_many_attempts() -> None:
    """Full jitter: a late attempt may come at once, so a crowd is spread over the whole interval."""
    assert min(delays(2000)[10:]) < 0.1


def test_delays_do_not_overflow_after_a_day_offline() -> None:
    assert all(0 <= delay <= BACKGROUND_S_MAX for delay in delays(20_000)[19_000:])


@pytest.mark.parametrize("action", [NextAction.NONE, NextAction.RETRY_NOW, NextAction.RETRY_AFTER])
def test_servers_wish_is_a_minimum_with_jitter_on_top(action: NextAction) -> None:
    seen = delays(5, action=action, after_ms=90_000)
    assert all(delay >= 90.0 for delay in seen)
    assert len(set(seen)) == 5


def test_reset_makes_the_next_attempt_a_first_one() -> None:
    backoff = Backoff(Random(3))
    for _ in range(10):
        backoff.next_delay()
    backoff.reset()
    assert backoff.attempts == 0
    assert backoff.next_delay() <= FIRST_S_MAX


@pytest.mark.parametrize("action", [NextAction.STOP, NextAction.REFUSED])
def test_codes_that_say_stop_have_no_delay(action: NextAction) -> None:
    with pytest.raises(ValueError, match="do not reconnect"):
        Backoff(Random(1)).next_delay(action)


def test_same_seed_gives_the_same_delays() -> None:
    assert delays(6, seed=9) == delays(6, seed=9) != delays(6, seed=10)


def test_somebody_who_looks_at_the_screen_waits_less() -> None:
    backoff = Backoff(Random(1))
    late = [backoff.next_delay(bound_s=FOREGROUND_S_MAX) for _ in range(500)][10:]
    assert 0.9 * FOREGROUND_S_MAX < max(late) <= FOREGROUND_S_MAX < BACKGROUND_S_MAX
