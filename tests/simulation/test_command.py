"""`imserver sim` as it is run by hand."""

from pathlib import Path

import pytest

from imserver.sim.command import BEGIN, END, main


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
