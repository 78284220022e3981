"""A sample of worlds. `make sim` runs many more; bugs they found are planted again in `mutants`."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from imserver.sim import Outcome, run_seed
from imserver.sim.buggify import KNOBS, SITES
from imserver.sim.plan import FAULTS

SEEDS = range(30)


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    with ProcessPoolExecutor(2) as pool:
        yield list(pool.map(run_seed, SEEDS, chunksize=3))


def test_every_promise_is_kept_in_every_world(outcomes: list[Outcome]) -> None:
    broken = {outcome.seed: outcome.violation for outcome in outcomes if outcome.violation}
    assert not broken, "replay with: imserver sim --seed N"


def test_worlds_are_at_least_an_hour_long(outcomes: list[Outcome]) -> None:
    assert min(outcome.simulated_s for outcome in outcomes) >= 3600


def test_worlds_see_nearly_every_fault_and_site(outcomes: list[Outcome]) -> None:
    faults = {name for outcome in outcomes for name in outcome.faults}
    sites = {name for outcome in outcomes for name in outcome.sites}
    assert len(FAULTS) >= 25
    assert len(SITES) + len(KNOBS) >= 30
    assert len(set(FAULTS) - faults) <= 2
    assert len(set(SITES) - sites) <= 2
