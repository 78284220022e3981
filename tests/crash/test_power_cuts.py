"""No promise is lost by a power cut at any byte, and the checkers would see it if it were (G1, G2, G4, G8).

A failure names the seed of its run and the cut: `python -m tests.crash` has the command to see it again.
"""

from pathlib import Path

import pytest

from tests.crash import planted, server_runs
from tests.crash.__main__ import KINDS, first_violation, one, run_seeds
from tests.crash.cutting import Tally

#: What `make test` takes of each kind; `make crash-long` takes a million.
IMAGES = {"server": 600, "recovery": 200, "client": 500, "media": 200}
#: Within so many images a planted mistake must be found.
PLANTED_IMAGES_MAX = 600


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_holds_every_promise(kind: str, tmp_path: Path, ram: Path) -> None:
    tally = Tally()
    for seed in run_seeds(kind, "1", IMAGES[kind]):
        tally.add(one(kind, seed, ram)[0])
    assert tally.images == IMAGES[kind]
    assert tally.outcomes["cut inside a call"] > tally.images // 2, "the cuts hit calls under way"
    assert tally.unsynced > tally.images, "there was something to lose"


@pytest.mark.parametrize(
    ("kind", "mistake"), [(kind, mistake) for kind, mistakes in planted.ALL.items() for mistake in mistakes]
)
def test_a_planted_mistake_is_found(kind: str, mistake: str, ram: Path) -> None:
    with planted.ALL[kind][mistake]():
        found, _ = first_violation(kind, "1/planted", PLANTED_IMAGES_MAX, ram)
    assert found != "not found"


def test_a_seed_gives_the_same_run_and_the_same_cuts(ram: Path) -> None:
    def once() -> Tally:
        return server_runs.run("again", images=30, scratch=ram)

    assert once() == once()
