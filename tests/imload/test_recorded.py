"""A churn log read back: who was away from when to when, why, and what was missed."""

from pathlib import Path

import pytest

from imload.churn.outage import How, Outage
from imload.churn.recorded import read_recording
from imload.replaying import replay_scenario
from imload.scenario_file import ScenarioError
from imload.schedule import make_schedule

LOG = """
{"ms":0,"what":"log","version":"0"}
{"ms":100,"who":0,"what":"connected","missed":0}
{"ms":200,"who":1,"what":"connected","missed":0}
{"ms":1000,"who":0,"what":"dropped","cause":"reset"}
{"ms":2500,"who":0,"what":"resumed","missed":3}
{"ms":3000,"who":1,"what":"dropped","cause":"replaced"}
{"ms":3000,"who":1,"what":"resumed","missed":0}
{"ms":4000,"who":1,"what":"dropped","cause":"idle_timeout"}
""".lstrip()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "churn.jsonl"
    path.write_text(LOG)
    return path


def test_drops_and_returns_become_outages(log: Path) -> None:
    recording = read_recording(log)
    assert recording.arrivals == [0.1, 0.2]
    assert recording.length_s == 4.0
    assert recording.outages(2) == [
        Outage(1.0, 0, 2.5, "recorded (reset)", How.RESET, missed=3),
        Outage(3.0, 1, 3.0, "recorded (replaced)", How.SILENT, roams=True),
    ]


def test_replay_has_the_logs_devices_their_arrivals_and_what_they_missed(log: Path) -> None:
    schedule = make_schedule(replay_scenario(log, speed=10, dialogues_per_hour=0), 1)
    assert [a.at_s for a in schedule.arrivals if a.device < 2] == [0.1, 0.2]
    assert [(o.device, o.begin_s) for o in schedule.outages] == [(0, 1.0), (1, 3.0)]
    assert all(o.end_s > o.begin_s for o in schedule.outages), "a half-open one's successor comes after it"
    assert len(schedule.postings) == 3
    assert all(1.0 <= posting.at_s <= 2.5 and posting.chat == 0 for posting in schedule.postings)


def test_recorded_file_and_seed_give_the_same_load(log: Path) -> None:
    scenario = replay_scenario(log, speed=10, dialogues_per_hour=600)
    assert make_schedule(scenario, 4).fingerprint() == make_schedule(scenario, 4).fingerprint()


@pytest.mark.parametrize(
    "line", ["nonsense", '{"what":"resumed"}', '{"ms":1,"who":0,"what":"connected"}', "[]", '{"ms":"x"}']
)
def test_line_of_something_else_is_told_with_its_number(log: Path, line: str) -> None:
    log.write_text(LOG + line + "\n")
    with pytest.raises(ValueError, match="line 9 is not of a churn log"):
        read_recording(log)


@pytest.mark.parametrize(
    ("speed", "dialogues", "said"),
    [
        (0, 6, "speed: input should be greater than 0"),
        (1, -1, "dialogues.per_customer_per_hour: input should"),
    ],
)
def test_a_replay_that_cannot_be_is_told_with_its_key(
    log: Path, speed: float, dialogues: float, said: str
) -> None:
    with pytest.raises(ScenarioError, match=said):
        replay_scenario(log, speed=speed, dialogues_per_hour=dialogues)
