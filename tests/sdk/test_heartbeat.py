"""The keepalive interval grows while answered, falls back and freezes when not, and is kept per network."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from improtocol.limits import IDLE_S_MAX, PING_INTERVAL_S_MAX, PING_INTERVAL_S_MIN, PING_INTERVAL_S_START
from imsdk.heartbeat import (
    FAILURES_TO_SHORTEN,
    LABELS_MAX,
    SUCCESSES_TO_LENGTHEN,
    SUCCESSES_TO_PROBE,
    Heartbeat,
)


def background(label: str = "wifi", state: Mapping[str, object] | None = None) -> Heartbeat:
    heartbeat = Heartbeat(label, state, foreground=False)
    heartbeat.idle_s = 3600
    return heartbeat


def live_with(heartbeat: Heartbeat, nat_timeout_s: float, pings: int) -> None:
    """Ping `pings` times through a NAT that forgets silent connections after `nat_timeout_s`."""
    for _ in range(pings):
        if heartbeat.interval_s < nat_timeout_s:
            heartbeat.succeeded()
        else:
            heartbeat.failed()


def test_starts_at_sixty_seconds_in_the_background() -> None:
    assert background().interval_s == PING_INTERVAL_S_START == 60


def test_lengthens_only_after_enough_answers() -> None:
    heartbeat = background()
    for _ in range(SUCCESSES_TO_LENGTHEN - 1):
        heartbeat.succeeded()
    assert heartbeat.interval_s == 60
    heartbeat.succeeded()
    assert heartbeat.interval_s == 120


def test_grows_to_ten_minutes_and_no_further() -> None:
    heartbeat = background()
    live_with(heartbeat, nat_timeout_s=10_000, pings=200)
    assert heartbeat.interval_s == PING_INTERVAL_S_MAX == 600


@pytest.mark.parametrize("nat_timeout_s", [70, 125, 290, 301, 599])
def test_settles_below_the_silence_limit_of_the_network(nat_timeout_s: int) -> None:
    """After learning, the NAT keeps the connection, and the interval is not much shorter than it bears."""
    heartbeat = background()
    live_with(heartbeat, nat_timeout_s, pings=40)
    assert nat_timeout_s / 2.5 < heartbeat.interval_s < nat_timeout_s


def test_falls_below_the_start_when_the_network_forgets_within_a_minute() -> None:
    heartbeat = background()
    live_with(heartbeat, nat_timeout_s=20, pings=12)
    assert heartbeat.interval_s == PING_INTERVAL_S_MIN


def test_one_missing_answer_is_not_taken_for_the_networks_limit() -> None:
    """A lift is not a NAT: single failures between answers change nothing."""
    heartbeat = background()
    for _ in range(FAILURES_TO_SHORTEN - 1):
        heartbeat.failed()
    heartbeat.succeeded()
    heartbeat.failed()
    assert heartbeat.interval_s == 60


def test_frozen_interval_is_probed_again_only_after_many_answers() -> None:
    heartbeat = background()
    live_with(heartbeat, nat_timeout_s=200, pings=12)
    settled = heartbeat.interval_s
    for _ in range(SUCCESSES_TO_PROBE - 1):
        heartbeat.succeeded()
        assert heartbeat.interval_s == settled
    heartbeat.succeeded()
    assert heartbeat.interval_s > settled


def test_starts_anew_when_a_frozen_interval_fails() -> None:
    heartbeat = background()
    live_with(heartbeat, nat_timeout_s=400, pings=30)
    assert heartbeat.interval_s > 60
    for _ in range(FAILURES_TO_SHORTEN):
        heartbeat.failed()
    assert heartbeat.interval_s == 60


def test_foreground_uses_the_shortest_and_learns_nothing() -> None:
    heartbeat = background()
    live_with(heartbeat, nat_timeout_s=10_000, pings=10)
    learned = heartbeat.to_state()
    heartbeat.foreground = True
    assert heartbeat.interval_s == PING_INTERVAL_S_MIN
    for _ in range(20):
        heartbeat.failed()
        heartbeat.succeeded()
    assert heartbeat.to_state() == learned


def test_each_network_keeps_its_own_interval_through_a_restart() -> None:
    heartbeat = background("wifi:home")
    live_with(heartbeat, nat_timeout_s=10_000, pings=6)
    heartbeat.switch("cellular")
    assert heartbeat.interval_s == 60
    reopened = background("wifi:home", json.loads(json.dumps(heartbeat.to_state())))
    assert reopened.interval_s == 180
    reopened.switch("cellular")
    assert reopened.interval_s == 60


def test_remembers_a_bounded_number_of_networks_and_forgets_the_oldest() -> None:
    heartbeat = background("first")
    for number in range(LABELS_MAX * 2):
        heartbeat.switch(f"wifi:{number}")
    networks = heartbeat.to_state()["networks"]
    assert isinstance(networks, dict)
    assert len(networks) == LABELS_MAX
    assert "first" not in networks
    assert heartbeat.label in networks


def test_interval_stays_below_the_servers_idle_time() -> None:
    heartbeat = background()
    live_with(heartbeat, nat_timeout_s=10_000, pings=200)
    heartbeat.idle_s = 100
    assert heartbeat.interval_s < 100


def test_the_servers_idle_time_is_kept_through_a_restart() -> None:
    heartbeat = background()
    heartbeat.idle_s = 50
    reopened = Heartbeat("wifi", json.loads(json.dumps(heartbeat.to_state())), foreground=False)
    assert reopened.interval_s == heartbeat.interval_s == 40


@pytest.mark.parametrize("idle_s", [None, 0, -1, True, 1.5, "50", [50]])
def test_an_idle_time_that_makes_no_sense_is_ignored(idle_s: object) -> None:
    assert Heartbeat("wifi", {"idle_s": idle_s}).idle_s == IDLE_S_MAX


@given(
    st.dictionaries(st.text(), st.none() | st.integers() | st.lists(st.integers() | st.text() | st.none()))
)
def test_never_trusts_a_saved_state(networks: dict[str, object]) -> None:
    """Whatever a damaged file holds, the interval stays within its limits and can be saved again."""
    heartbeat = background("wifi", {"networks": networks})
    live_with(heartbeat, nat_timeout_s=300, pings=5)
    assert PING_INTERVAL_S_MIN <= heartbeat.interval_s <= PING_INTERVAL_S_MAX
    json.dumps(heartbeat.to_state())
