"""The schedule is a function of file and seed, and of nothing else; outages of a device never overlap."""

import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from imload.churn.outage import How
from imload.library import find_scenario, scenarios
from imload.scenario_file import parse_scenario
from imload.schedule import Schedule, make_schedule
from tests.imload.loads import SMALL, small

EVERYTHING = """
[[churn]]
model = "lift"
share = 0.2
every_s = 10
[[churn]]
model = "flapping"
share = 0.2
every_s = 10
[[churn]]
model = "trace"
carrier = "verizon-evdo"
share = 0.4
[[storms]]
at_s = 20
share = 0.5
missed = 3
[[storms]]
at_s = 21
kind = "silent"
"""


def all_of(schedule: Schedule) -> list[list[object]]:
    return [list(items) for items in (schedule.arrivals, schedule.postings, schedule.outages, schedule.modes)]


def test_same_file_and_seed_give_the_same_load_and_another_seed_another_one() -> None:
    assert all_of(small(7, EVERYTHING)) == all_of(small(7, EVERYTHING))
    assert small(7, EVERYTHING).fingerprint() == small(7, EVERYTHING).fingerprint()
    assert small(8, EVERYTHING).fingerprint() != small(7, EVERYTHING).fingerprint()


def test_another_process_with_another_hash_seed_makes_the_same_load(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(SMALL + EVERYTHING)
    program = (
        "import sys; from pathlib import Path; from imload.scenario_file import load_scenario;"
        "from imload.schedule import make_schedule;"
        "print(make_schedule(load_scenario(Path(sys.argv[1])), 7).fingerprint())"
    )
    command = [sys.executable, "-c", program, str(file)]
    said = subprocess.run(
        command, env={"PYTHONHASHSEED": "12345"}, capture_output=True, check=True, text=True
    )
    assert said.stdout.strip() == small(7, EVERYTHING).fingerprint()


def test_churn_changes_nothing_about_what_is_said_but_for_what_is_missed() -> None:
    without, with_lifts = small(3), small(3, "[[churn]]\nmodel = 'lift'\nevery_s = 10\n")
    assert [(p.at_s, p.device, p.kind, p.size) for p in without.postings] == [
        (p.at_s, p.device, p.kind, p.size) for p in with_lifts.postings
    ]
    assert with_lifts.outages


@pytest.mark.parametrize("seed", range(5))
def test_outages_of_a_device_never_overlap_and_end(seed: int) -> None:
    schedule = small(seed, EVERYTHING)
    spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for outage in schedule.outages:
        spans[outage.device].append((outage.begin_s, outage.end_s))
    assert schedule.outages == sorted(schedule.outages)
    for device in spans.values():
        device.sort()
        assert all(begin < end for begin, end in device)
        assert all(before[1] < after[0] for before, after in pairwise(device))


def test_missed_messages_reach_the_one_who_is_away_while_it_is() -> None:
    schedule = small(2, "[[storms]]\nat_s = 20\nshare = 1\naway_s = 5\nmissed = 4\n")
    quiet = small(2)
    extra = len(schedule.postings) - len(quiet.postings)
    assert extra == 4 * len(schedule.people.persons)
    assert sum(20 <= posting.at_s <= 26 for posting in schedule.postings) >= extra
    assert [posting.number for posting in schedule.postings] == list(range(len(schedule.postings)))


def test_shares_hit_as_many_devices_as_they_say() -> None:
    text = "[population]\ncustomers = 900\nagents = 100\n[[churn]]\nmodel='handover'\nshare=0.25\nevery_s=1\n"
    schedule = make_schedule(parse_scenario(text), 1)
    assert len({outage.device for outage in schedule.outages}) == 250
    assert all(outage.roams and outage.how is How.SILENT for outage in schedule.outages)


@pytest.mark.parametrize("name", [name for name, _ in scenarios()])
def test_only_arrived_devices_post(name: str) -> None:
    schedule = make_schedule(find_scenario(name), 1)
    arrived = {arrival.device: arrival.at_s for arrival in schedule.arrivals}
    assert len(arrived) == len(schedule.people.persons)
    late = [p for p in schedule.postings if p.at_s < arrived[p.device]]
    assert not late
