"""Traces: gaps as the files have them, short ones freeze and long ones lose the connection."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from imload.churn.models import Churn
from imload.churn.outage import How
from imload.churn.traces import Trace, load_trace, read_mahimahi


def mahimahi(folder: Path, *times_ms: int) -> Path:
    path = folder / "link.up"
    path.write_text("".join(f"{at}\n" for at in times_ms))
    return path


def test_mahimahi_gap_is_from_packet_to_packet(tmp_path: Path) -> None:
    path = mahimahi(tmp_path, 0, 3, 3, 10, 810, 811, 5000, 5001)
    assert read_mahimahi(path, 500) == Trace(5001, ((10, 800), (811, 4189)))


@pytest.mark.parametrize(("text", "said"), [("1\nx\n", "line 2: 'x'"), ("5\n3\n", "line 2: 3 ms is before")])
def test_mahimahi_mistake_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_mahimahi(path, 500)


def test_csv_of_bins_gives_its_empty_runs(tmp_path: Path) -> None:
    path = tmp_path / "link.csv"
    packets = [1] * 5 + [0] * 12 + [1] * 3
    path.write_text("bin,packets\n" + "".join(f"{n},{count}\n" for n, count in enumerate(packets)))
    assert load_trace(Churn(model="trace", file=path)) == Trace(2000, ((500, 1200),))


def test_csv_of_something_else_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "link.csv"
    path.write_text("a,b\nx,y\n")
    with pytest.raises(ValueError, match=r"link\.csv is not a CSV of 100 ms bins"):
        load_trace(Churn(model="trace", file=path))


@pytest.mark.parametrize("carrier", ["verizon-evdo", "tmobile-umts", "att-lte"])
def test_built_in_drives_have_gaps(carrier: str) -> None:
    assert len(load_trace(Churn(model="trace", carrier=carrier)).gaps) > 10  # type: ignore[arg-type]


def test_gaps_become_stalls_and_losses_round_after_round() -> None:
    trace = Trace(10_000, ((1000, 600), (4000, 3500)))
    churn = Churn(model="trace", carrier="att-lte", missed=2)
    found = list(trace.outages(churn, random.Random(1), 5, 0.0, 40.0))
    assert {outage.how for outage in found} == {How.FROZEN, How.SILENT}
    lost = [outage for outage in found if outage.how is How.SILENT]
    laps = [round(after.begin_s - before.begin_s, 6) for before, after in pairwise(lost)]
    assert laps == [10.0] * (len(lost) - 1)
    assert all(outage.missed == 2 and outage.roams for outage in lost)
    assert all(0 <= outage.begin_s < 40 for outage in found)
    assert len(lost) in (3, 4)
