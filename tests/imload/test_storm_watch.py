"""A storm's watch: who was hit counts once it is back, and nobody else does."""

from imload.churn.storms import Storm
from imload.storm_watch import StormWatch


def watch() -> StormWatch:
    found = StormWatch(Storm(at_s=5, away_s=2))
    found.begin({1, 2, 3}, 100.0, 2.0)
    return found


def test_devices_come_back_one_by_one_until_the_storm_is_over() -> None:
    storm = watch()
    for device, at_s in ((2, 102.0), (9, 102.1), (1, 102.5), (3, 104.0)):
        assert not storm.over
        storm.consistent(device, at_s)
    assert storm.over
    assert storm.back_s == [0.0, 0.5, 2.0]


def test_second_return_of_a_device_is_not_counted_again() -> None:
    storm = watch()
    storm.consistent(1, 103.0)
    storm.consistent(1, 104.0)
    assert storm.back_s == [1.0]
    assert not storm.over


def test_return_before_anybody_could_is_of_another_outage() -> None:
    storm = watch()
    storm.consistent(1, 101.0)
    assert storm.back_s == []
