"""The radio's model: a wake-up after each silence longer than the tail, awake until the tail is over."""

import pytest

from imload.radio import Radio


def test_traffic_within_the_tail_is_one_wake_up() -> None:
    radio = Radio(tail_s=10, speed=1)
    for at_s in (100, 105, 114, 130, 131):
        radio.active(at_s)
    assert radio.wakes == 2
    assert radio.awake_s == 5 + 9 + 10 + 1


def test_speed_stretches_real_time_to_the_scenarios() -> None:
    radio = Radio(tail_s=10, speed=60)
    radio.active(1.0)
    radio.active(1.5)
    assert radio.wakes == 2


def test_polling_every_few_seconds_never_lets_it_sleep() -> None:
    radio = Radio(tail_s=11.6, speed=1)
    for at_s in range(0, 3600, 4):
        radio.active(at_s)
    assert radio.wakes == 1
    assert radio.awake_s == pytest.approx(3596)


def test_it_is_never_awake_for_longer_than_the_load_lasts() -> None:
    """The tail of what was before the load ends in it, and only that end counts."""
    radio = Radio(tail_s=10, speed=2)
    radio.active(100)
    radio.restart(103)
    radio.active(104)
    radio.active(105)
    assert radio.awake_s == 4
    idle = Radio(tail_s=10, speed=1)
    idle.active(100)
    idle.restart(150)
    idle.active(160)
    assert idle.awake_s == 0
    assert idle.wakes == 1
