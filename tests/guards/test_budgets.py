"""The hot paths keep to their budgets, which are counts: a busy machine changes none of them.

The claims and their reasons are in `budgets`; `python -m tests.guards` prints where everything stands.
"""

from pathlib import Path

import pytest

from tests.guards import measures
from tests.guards.budgets import BUDGETS, SLACK, Budget, lowered

WINDOWS = (16, 1)


def keeps(figures: dict[str, float]) -> None:
    """All of `figures` keep to their budgets."""
    faults = [fault for name, figure in figures.items() if (fault := BUDGETS[name].fault(name, figure))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("window", WINDOWS)
async def test_a_relayed_message_makes_no_more_calls_than_it_may(tmp_path: Path, window: int) -> None:
    keeps(await measures.calls_of_relay(tmp_path, window))


@pytest.mark.parametrize("window", WINDOWS)
async def test_a_batch_asks_little_of_sqlite(tmp_path: Path, window: int) -> None:
    keeps(await measures.statements_of_relay(tmp_path, window))


@pytest.mark.parametrize("window", WINDOWS)
async def test_a_batch_is_one_sync_and_few_pages(tmp_path: Path, window: int) -> None:
    keeps(await measures.writes_of_relay(tmp_path, window))


async def test_a_message_to_a_group_costs_little_more_a_member(tmp_path: Path) -> None:
    keeps(await measures.calls_of_fan_out(tmp_path))


async def test_a_quick_resume_touches_no_disk(tmp_path: Path) -> None:
    keeps(await measures.resumes(tmp_path))


async def test_a_resume_after_a_restart_costs_few_lookups(tmp_path: Path) -> None:
    keeps(await measures.resumes_after_a_restart(tmp_path))


async def test_an_idle_session_stays_small() -> None:
    keeps(await measures.idle_sessions())


async def test_an_idle_websocket_stays_small() -> None:
    keeps(await measures.idle_websockets())


def test_growth_by_fifteen_percent_is_noticed_wherever_a_budget_stands() -> None:
    """However loose a budget is, if it is loose enough to miss that, it is itself refused."""
    for figure in (0.25, 6.5, 108.0, 1230.0):
        for budget in (Budget(figure * step / 100, "") for step in range(80, 140)):
            assert budget.fault("", figure) or budget.fault("", figure * 1.15)
        assert not Budget(lowered(figure), "").fault("", figure)
    assert SLACK < 1.15
