"""A long run may be interrupted: it goes on where its ledger ends, and comes to the same."""

from pathlib import Path

from tests.crash import ledger
from tests.crash.__main__ import cut
from tests.crash.cutting import Tally


def run(book: Path, ram: Path, *images: int) -> Tally:
    for most in images:
        cut(["media"], "book", most, ram, 1, book)
    return ledger.summed(ledger.read(book, "book"))[0]


def test_a_run_in_pieces_comes_to_the_same_and_repeats_nothing(tmp_path: Path, ram: Path) -> None:
    pieces = run(tmp_path / "pieces", ram, 200, 300, 300)
    assert pieces == run(tmp_path / "whole", ram, 300)
    assert [(row.first, row.runs) for row in ledger.read(tmp_path / "pieces", "book")] == [(0, 2), (2, 1)]
    assert ledger.read(tmp_path / "pieces", "another seed") == []
