"""Back-off: within a second at first, doubling to its bound, the server's wish on top, and STOP is STOP."""

import random

import pytest

from imload.retrying import delay_s, name_of
from improtocol import Code, frames


def delays(failures: int, close: frames.Close | None = None, *, background: bool = False) -> list[float]:
    rng = random.Random(1)
    found = [delay_s(rng, failures, close, background=background) for _ in range(2000)]
    return [delay for delay in found if delay is not None]


@pytest.mark.parametrize(
    ("failures", "background", "most_s"), [(0, False, 1), (1, False, 2), (9, False, 5), (99, True, 15)]
)
def test_full_jitter_fills_a_bound_that_doubles(failures: int, background: bool, most_s: float) -> None:
    found = delays(failures, background=background)
    assert max(found) <= most_s
    assert max(found) > 0.97 * most_s
    assert min(found) < 0.03 * most_s


def test_servers_retry_time_comes_on_top() -> None:
    close = frames.Close(code=Code.DRAINING, retry_after_ms=4000)
    assert 4 <= min(delays(0, close)) <= max(delays(0, close)) <= 5


def test_stop_means_never() -> None:
    assert delays(0, frames.Close(code=Code.BANNED)) == []


def test_code_of_a_later_version_has_its_number_for_a_name() -> None:
    assert (name_of(200), name_of(299)) == ("DRAINING", "299")
