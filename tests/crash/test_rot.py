"""Disks that lie about syncs or hand back other bits: always a typed answer, and mostly somebody notices."""

from collections import Counter
from pathlib import Path

from tests.crash.rot_runs import ALL_THERE, CLIENTS, MIXED, REFUSED, UNSEEN, flipped_run, lying_run


def test_a_lying_fsync_is_noticed_by_the_start_by_verify_or_by_a_client(ram: Path) -> None:
    """What nobody notices is rare: the last call told no client a counter, or bytes of a text changed."""
    found: Counter[str] = Counter()
    for number in range(20):
        found.update(lying_run(f"lying/{number}", 10, ram))
    noticed = sum(found.values()) - found[ALL_THERE] - found[UNSEEN] - found[MIXED]
    assert noticed > 80
    assert found[UNSEEN] + found[MIXED] <= noticed // 20
    assert found[REFUSED] > 10


def test_a_flipped_bit_in_the_wal_cuts_it_off_there_and_a_client_knows(ram: Path) -> None:
    """Its frames carry checksums.

    Only where the cut part had been copied into the database before, older pages may cover newer ones.
    """
    found: Counter[str] = Counter()
    for number in range(20):
        found.update(flipped_run(f"flipped/{number}", 10, ram))
    assert found[f"WAL: {CLIENTS}"] > 25
    assert found[f"WAL: {MIXED}"] <= found[f"WAL: {CLIENTS}"] // 10


def test_a_flipped_bit_in_the_database_always_gets_a_typed_answer(ram: Path) -> None:
    """Pages carry no checksums, so a changed letter is not found; what is found is told in order."""
    found: Counter[str] = Counter()
    for number in range(20):
        found.update(flipped_run(f"flipped/{number}", 10, ram))
    database = {name: count for name, count in found.items() if name.startswith("database")}
    assert sum(database.values()) > 50
    assert database[f"database: {REFUSED}"] >= 1
