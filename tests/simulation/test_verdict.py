"""What is said when a promise is broken."""

import pytest

from improtocol.entries import Entry, Kind
from imserver.sim.model import FACT_CHARACTERS_MAX, Violation, require
from imserver.sim.runs import kind_of


def test_a_violation_fits_a_screen_however_long_the_message_is_and_keeps_its_kind() -> None:
    told = []
    for size in (3, 3000):
        with pytest.raises(Violation) as caught:
            require(False, "G1", "the disk has", Entry(Kind.MESSAGE, 1, "ann", 5, 7, b"x" * size))
        told.append(str(caught.value))
    assert told[1].startswith("G1: the disk has Entry(kind=<Kind.MESSAGE: 0>, at_ms=1, sender='ann'")
    assert len(told[1]) < FACT_CHARACTERS_MAX + 40
    assert kind_of(told[0]) == kind_of(told[1])
