"""A sample of worlds. `make sim` runs many more; bugs they found are planted again in `mutants`."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from imserver.sim import Outcome, run_seed

#: What `make test` has time for.
SEEDS = range(40)


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    with ProcessPoolExecutor(2) as pool:
        yield list(pool.map(run_seed, SEEDS, chunksize=4))


def test_every_promise_is_kept_in_every_world(outcomes: list[Outcome]) -> None:
    broken = {outcome.seed: outcome.violation for outcome in outcomes if outcome.violation}
    assert not broken, "replay with: imserver sim --seed N"


def test_worlds_are_an_hour_long_and_run_a_thousand_times_as_fast(outcomes: list[Outcome]) -> None:
    simulated_s = sum(outcome.simulated_s for outcome in outcomes)
    assert min(outcome.simulated_s for outcome in outcomes) >= 3600
    assert simulated_s / sum(outcome.cpu_s for outcome in outcomes) > 500, "half of it, for a slow machine"


def test_worlds_see_nearly_every_fault_and_site(outcomes: list[Outcome]) -> None:
    from imserver.sim.buggify import KNOBS, SITES
    from imserver.sim.plan import FAULTS

    faults = {name for outcome in outcomes for name in outcome.faults}
    sites = {name for outcome in outcomes for name in outcome.sites}
    assert len(FAULTS) >= 25
    assert len(SITES) + len(KNOBS) >= 30
    assert len(set(FAULTS) - faults) <= 2
    assert len(set(SITES) - sites) <= 2
