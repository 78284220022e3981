"""The model of a disk: what it may lose and what not. A model that loses too little proves too much."""

import random
from collections.abc import Iterable

from imserver.sim.disks import Cut, Durable
from imserver.sim.disks.operations import (
    ROOT,
    Link,
    Operation,
    Rename,
    Sync,
    SyncFailed,
    SyncFolder,
    Truncate,
    Unlink,
    Write,
)
from imserver.sim.disks.tear import KILLED

LOST = Cut(kept=0.0, torn=0.0)
ANY = Cut(kept=0.5, torn=0.5)
FILE = 1


def images(log: Iterable[Operation], cut: Cut, count: int = 300) -> set[bytes | None]:
    """What file "f" may hold after the cut (None: it is not there)."""
    found: set[bytes | None] = set()
    for seed in range(count):
        rng = random.Random(seed)
        durable = Durable(rng)
        durable.play(log)
        found.add(durable.image(rng, cut).files.get("f"))
    return found


NAMED = (Link(ROOT, "f", FILE), SyncFolder(ROOT))


def test_what_was_synced_survives_every_cut() -> None:
    log = (*NAMED, Write(FILE, 0, b"abc"), Sync(FILE))
    assert images(log, ANY) == {b"abc"} == images(log, LOST)


def test_what_was_not_synced_may_be_lost_torn_or_there() -> None:
    log = (*NAMED, Write(FILE, 0, b"abc"), Sync(FILE), Write(FILE, 0, b"XYZ"))
    found = images(log, ANY)
    assert {b"abc", b"XYZ", b"Xbc", b"XYc", b"abZ", b"aYZ"} <= found


def test_writes_reach_the_disk_in_any_order() -> None:
    log = (*NAMED, Write(FILE, 0, b"aa"), Sync(FILE), Write(FILE, 0, b"1"), Write(FILE, 1, b"2"))
    assert images(log, Cut(kept=0.5, torn=0.0)) == {b"aa", b"1a", b"a2", b"12"}


def test_an_ordered_disk_keeps_a_beginning() -> None:
    log = (*NAMED, Write(FILE, 0, b"aa"), Sync(FILE), Write(FILE, 0, b"1"), Write(FILE, 1, b"2"))
    assert images(log, Cut(kept=0.5, torn=0.0, ordered=True)) == {b"aa", b"1a", b"12"}


def test_a_synced_file_without_a_synced_name_may_be_gone() -> None:
    log = (Link(ROOT, "f", FILE), Write(FILE, 0, b"abc"), Sync(FILE))
    assert images(log, LOST) == {None}
    assert images(log, ANY) == {None, b"abc"}


def test_a_synced_name_of_an_unsynced_file_may_be_empty() -> None:
    assert images((*NAMED, Write(FILE, 0, b"abc")), LOST) == {b""}


def test_a_killed_process_loses_nothing() -> None:
    log = (*NAMED, Write(FILE, 0, b"abc"), Truncate(FILE, 2), Link(ROOT, "g", 2))
    assert images(log, KILLED) == {b"ab"}


def test_a_deletion_and_a_truncation_may_not_have_happened() -> None:
    log = (*NAMED, Write(FILE, 0, b"abc"), Sync(FILE), Truncate(FILE, 1), Unlink(ROOT, "f"))
    assert images(log, ANY) == {b"abc", b"a", None}
    assert images((*log, Sync(FILE), SyncFolder(ROOT)), ANY) == {None}


def test_a_failed_sync_loses_for_good_what_no_later_sync_brings_back() -> None:
    log = (*NAMED, Write(FILE, 0, b"aa"), Sync(FILE), Write(FILE, 0, b"1"), Write(FILE, 1, b"2"))
    assert images((*log, SyncFailed(FILE), Sync(FILE)), KILLED) == {b"aa", b"1a", b"a2", b"12"}


def test_a_rename_is_whole_or_not_at_all() -> None:
    log = (*NAMED, Write(FILE, 0, b"old"), Sync(FILE), Link(ROOT, "t", 2), Write(2, 0, b"new"), Sync(2))
    renamed = (*log, SyncFolder(ROOT), Rename(ROOT, "t", ROOT, "f", 2))
    assert images(renamed, ANY) == {b"old", b"new"}
    assert images((*renamed, SyncFolder(ROOT)), ANY) == {b"new"}


def test_a_file_may_have_grown_by_what_nobody_wrote() -> None:
    log = (*NAMED, Write(FILE, 0, b"abc"))
    found = images(log, Cut(kept=0.0, torn=0.0, noise=True))
    assert {len(data or b"") for data in found} == {0, 3}
    assert b"abc" not in found
