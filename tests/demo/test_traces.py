"""Outages are derived from traces as documented, and a drive replays a window of them."""

import random
from pathlib import Path

import pytest

from imserver.demo.traces import CARRIERS, Drive
from imserver.demo.traces.derive import derive, outages

DOWN = [3, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0]
UP = [0, 0, 0, 0, 0, 1, 1]


def write(folder: Path, name: str, packets: list[int]) -> None:
    rows = [f"{number},{count}" for number, count in enumerate(packets)]
    (folder / name).write_text("\n".join(["bin_100ms,packets_1500B", *rows]) + "\n", encoding="ascii")


def test_outage_is_a_run_of_half_a_second_without_a_packet() -> None:
    assert outages(DOWN) == [(100, 500), (1200, 600)]


def test_outage_list_of_a_folder_is_exactly_this(tmp_path: Path) -> None:
    write(tmp_path, "acme-lte-driving-down.csv", DOWN)
    write(tmp_path, "acme-lte-driving-up.csv", UP)
    assert derive(tmp_path) == (
        '{\n"acme-lte/down": {"length_ms":1800,"outages":[[100,500],[1200,600]]},\n'
        '"acme-lte/up": {"length_ms":700,"outages":[[0,500]]}\n}\n'
    )


def test_trace_with_a_missing_bin_is_refused(tmp_path: Path) -> None:
    (tmp_path / "acme-driving-up.csv").write_text("bin,packets\n0,1\n2,1\n", encoding="ascii")
    with pytest.raises(ValueError, match="not numbered"):
        derive(tmp_path)


def test_folder_without_traces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no .*\.csv"):
        derive(tmp_path)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_drive_lies_within_its_window_in_both_directions(carrier: str) -> None:
    drive = Drive.choose(random.Random(5), carrier, minutes=10, speed=4)
    assert drive.length_ms == 150_000
    assert {outage.down for outage in drive.outages} == {True, False}
    assert all(outage.start_ms >= 0 and outage.end_ms <= drive.length_ms for outage in drive.outages)
    assert [o.start_ms for o in drive.outages] == sorted(o.start_ms for o in drive.outages)


def test_speed_shortens_outages_and_keeps_their_number() -> None:
    slow = Drive.choose(random.Random(5), "tmobile-umts", minutes=10, speed=1)
    fast = Drive.choose(random.Random(5), "tmobile-umts", minutes=10, speed=10)
    assert [outage.length_ms / 10 for outage in slow.outages] == [o.length_ms for o in fast.outages]
    assert len(slow.outages) > 10


def test_drive_longer_than_the_trace_goes_round() -> None:
    once = Drive.choose(random.Random(5), "verizon-evdo", minutes=17, speed=1)
    twice = Drive.choose(random.Random(5), "verizon-evdo", minutes=34, speed=1)
    assert len(twice.outages) > 1.7 * len(once.outages)


def test_same_seed_is_the_same_drive() -> None:
    assert Drive.choose(random.Random(7), "att-lte", 5, 8) == Drive.choose(random.Random(7), "att-lte", 5, 8)
