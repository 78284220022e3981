"""What a machine keeps its database on: held to the same claims, in memory and on a recorded drive."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from imserver.sim.drives import Connect, Drive, RamDrive, RecordedDrive

pytest.importorskip("apsw")


def migrate(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")


def opens(folder: Path, connect: Connect, *, synchronous: str = "FULL") -> sqlite3.Connection:
    db = connect(folder / "db")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {synchronous}")
    migrate(db)
    return db


def numbers(drive: Drive) -> list[int]:
    return [n for (n,) in drive.database.execute("SELECT n FROM t ORDER BY n")]


@pytest.fixture(params=["memory", "recorded"])
def drive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Drive]:
    made: Drive
    made = RamDrive(migrate) if request.param == "memory" else RecordedDrive(tmp_path / "d", opens, Random(1))
    yield made
    made.close()


def test_what_was_committed_survives_its_process_and_what_was_not_does_not(drive: Drive) -> None:
    drive.database.execute("INSERT INTO t VALUES (1)")
    drive.database.execute("BEGIN")
    drive.database.execute("INSERT INTO t VALUES (2)")
    drive.crash(power=False)
    assert numbers(drive) == [1]


def test_a_copy_that_is_put_back_is_as_it_was(drive: Drive) -> None:
    drive.database.execute("INSERT INTO t VALUES (1)")
    copy = drive.save()
    drive.database.execute("INSERT INTO t VALUES (2)")
    drive.load(copy)
    assert numbers(drive) == [1]
    drive.database.execute("INSERT INTO t VALUES (3)")
    drive.load(copy)
    assert numbers(drive) == [1]


def test_it_can_be_put_into_a_folder(drive: Drive, tmp_path: Path) -> None:
    drive.database.execute("INSERT INTO t VALUES (1)")
    folder = tmp_path / "found"
    folder.mkdir()
    drive.put(folder, "db")
    found = sqlite3.connect(folder / "db")
    assert found.execute("SELECT n FROM t").fetchall() == [(1,)]
    found.close()


@pytest.mark.parametrize(("synchronous", "loses"), [("FULL", False), ("NORMAL", True)])
def test_a_power_cut_takes_what_was_not_synced_and_nothing_else(
    tmp_path: Path, synchronous: str, loses: bool
) -> None:
    lost = 0
    drive = RecordedDrive(
        tmp_path, lambda folder, connect: opens(folder, connect, synchronous=synchronous), Random(5)
    )
    for number in range(30):
        drive.settle()
        drive.database.execute("INSERT INTO t VALUES (?)", (number,))
        wanted = numbers(drive)
        drive.crash(power=True)
        lost += numbers(drive) != wanted
    drive.close()
    assert bool(lost) is loses
