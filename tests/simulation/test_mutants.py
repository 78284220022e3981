"""The planted bugs still have their places: `make mutants` hunts them."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.simulation.mutants.catalogue import MUTANTS
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.mutants.plant import mutated


def test_there_are_enough_of_them_and_each_has_its_own_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 25


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_code_it_changes_is_there_and_what_comes_out_compiles(mutant: Mutant) -> None:
    spec = find_spec(mutant.module)
    assert spec is not None
    assert spec.origin is not None
    compile(mutated(mutant, Path(spec.origin).read_text(encoding="utf-8")), spec.origin, "exec")
