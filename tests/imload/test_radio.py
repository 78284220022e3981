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
