"""`imserver sim` as it is run by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from imserver.sim import ledger
from imserver.sim.command import main
from imserver.sim.days import DAY_S, draw_long_plan
from imserver.sim.plan import FAULTS, TRUCE, WORK, draw_plan
from imserver.sim.runs import run_plan

BEGIN, END = "<!-- counts: begin -->", "<!-- counts: end -->"


def test_a_run_counts_what_befell_its_worlds_and_puts_that_between_the_marks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nwhat was there\n{END}\nafter\n", encoding="utf-8")
    assert main(["--seeds", "1", "--first", "17", "--jobs", "1", "--report", str(page)]) == 0
    assert "1 seeds, 1 simulated hours" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\nSeeds from 17, ")
    assert text.endswith(f"{END}\nafter\n")
    assert "what was there" not in text
    assert "| `reset` |" in text


def test_one_seed_says_what_became_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "17"]) == 0
    assert "seed 17: every promise was kept; trace " in capsys.readouterr().out


def test_the_ledger_gets_a_row_of_what_ran_and_the_next_run_goes_on_behind_it(tmp_path: Path) -> None:
    book, page = tmp_path / "book.jsonl", tmp_path / "page.md"
    page.write_text("before\n<!-- long: begin --><!-- long: end -->\nafter\n", encoding="utf-8")
    run = ["--long", "--seeds", "1", "--jobs", "1", "--ledger", str(book), "--report", str(page)]
    assert main([*run, "--first", "17"]) == 0
    assert main(run) == 0
    rows = ledger.read(book)
    assert [(row.first, row.seeds, row.failed) for row in rows] == [(17, 1, ()), (18, 1, ())]
    assert rows[0].simulated_s >= 3600
    assert rows[0].cpu_s > 0
    text = page.read_text(encoding="utf-8")
    assert "\n2 different seeds, " in text
    assert " 17 to 18 | 2 |" in text
    assert text.endswith("<!-- long: end -->\nafter\n")


def test_a_row_says_which_seeds_failed_and_a_seed_that_ran_twice_counts_once() -> None:
    row = ledger.Row(first=0, seeds=2, commit="a", simulated_s=1, cpu_s=1, events=1, truces=0, failed=(1,))
    told = "\n".join(ledger.told([row, replace(row, commit="b", failed=())]))
    assert told.startswith("2 different seeds")
    assert "1 violations" in told
    assert "| a | 0 to 1 | 2 | 0.0 | 1 | 1 | 1 |" in told
    assert "| b | 0 to 1 | 2 | 0.0 | 1 | 1 | 0 |" in told


def test_the_long_run_has_hours_and_days_that_are_plans_like_any_other() -> None:
    plans = [draw_long_plan(seed) for seed in range(100)]
    days = [plan for plan in plans if plan.duration_s >= DAY_S]
    assert 3 <= len(days) <= 20
    assert all(plan == draw_plan(plan.seed) for plan in plans if plan not in days)
    assert {event.kind for plan in plans for event in plan.events} <= {*WORK, *FAULTS, TRUCE}
    assert all(0 <= event.at_s < plan.duration_s for plan in plans for event in plan.events)
    outcome = run_plan(replace(days[0], events=days[0].events[:20]))
    assert not outcome.violation
    assert outcome.simulated_s >= DAY_S
