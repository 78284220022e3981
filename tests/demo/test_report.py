"""The report tells people and programs the same, and calls a broken promise broken."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from imserver.demo.board import Resume
from imserver.demo.checker import Kinds, Verdict
from imserver.demo.contents import CONTENT_KINDS
from imserver.demo.incidents import Incident
from imserver.demo.outages import OutageAccount
from imserver.demo.plan import Outcome, Plan
from imserver.demo.report import ACTS, Report
from imserver.demo.traces import Drive


def resume(consistent_at: float) -> Resume:
    return Resume(
        started_at=12.0,
        consistent_at=consistent_at,
        new_session=False,
        bytes_in=300,
        bytes_out=40,
        round_trips=1,
        missed=7,
    )


def good() -> Report:
    incident = Incident(name="phone off", began_at=10.0, back_at=12.0, resumes=[resume(12.5)])
    verdict = Verdict(sent=9, acked=9, delivered=9, media=3)
    verdict.kinds = {kind: Kinds(1, 1, 1) for kind in (*CONTENT_KINDS, *ACTS)}
    outcome = Outcome(
        incidents=(incident,), outages=(), settled=True, fenced=2, bytes_passed={"chat_up": 5}, connections=4
    )
    return Report(
        plan=Plan(seed=5, drive=Drive(carrier="att-lte", speed=8, begin_ms=0, length_ms=40_000, outages=())),
        outcome=outcome,
        verdict=verdict,
        outages=OutageAccount(count=3, total_s=1.5, longest_s=0.7, late=2, worst_ms=40),
        verified="",
        elapsed_s=44.0,
    )


def text_of(report: Report) -> str:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(report.render())
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_good_run_is_kept_and_its_costs_are_told_whole_on_80_columns() -> None:
    report = good()
    assert report.kept
    facts = report.to_json()["incidents"][0]
    assert (facts["outage_ms"], facts["consistent_ms"], facts["bytes_out"], facts["bytes_in"]) == (
        2000,
        500,
        40,
        300,
    )
    assert (facts["round_trips"], facts["missed_events"]) == (1, 7)
    text = text_of(report)
    assert "phone off" in text
    assert "500 ms" in text
    assert "Every promise was kept." in text
    assert "…" not in text


def test_all_incidents_that_a_run_can_have_fit_80_columns() -> None:
    names = ("server SIGKILLed", "app SIGKILLed in mid-send", "cellular → cellular")
    incidents = tuple(
        Incident(name=name, began_at=0.0, back_at=78.3, resumes=[replace(resume(99.9), bytes_in=12_345)])
        for name in names
    )
    report = good()
    text = text_of(replace(report, outcome=replace(report.outcome, incidents=incidents)))
    assert "…" not in text
    assert all(name in text for name in names)


def lost(report: Report) -> Report:
    report.verdict.lost.append("lin → mia: text abc")
    return report


def never_consistent(report: Report) -> Report:
    report.outcome.incidents[0].resumes.clear()
    return report


def never_settled(report: Report) -> Report:
    return replace(report, outcome=replace(report.outcome, settled=False))


def damaged_data(report: Report) -> Report:
    return replace(report, verified="conversation 5: number 3 is missing")


def kind_missing(report: Report) -> Report:
    del report.verdict.kinds["voice"]
    return report


@pytest.mark.parametrize("breach", [lost, never_consistent, never_settled, damaged_data, kind_missing])
def test_broken_promise_is_not_kept_and_said_in_red_and_in_json(breach: object) -> None:
    assert callable(breach)
    report = breach(good())
    assert not report.kept
    assert not report.to_json()["kept"]
    assert report.to_json()["broken"]
    assert "BROKEN" in text_of(report)
    assert "Every promise was kept." not in text_of(report)
