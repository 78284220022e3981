"""`verify` finds nothing in a sound directory, and each fault once it is put there."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from improtocol.entries import Kind
from improtocol.values import pack
from imserver.storage.blobs import Blob
from imserver.storage.folder import DATABASE_NAME, FolderError, FolderForeign
from imserver.storage.schema import MIGRATIONS
from imserver.storage.sqlite import open_sqlite
from imserver.storage.store import Write
from imserver.storage.verify import verify
from tests.contracts.house import AT_MS, ROOM, House

SHOE, LAMP = b"\x01" * 32, b"\x02" * 32


async def fill(folder: Path, *, trim: bool = False) -> None:
    """Two users with ten records, edits, read marks and a picture."""
    async with open_sqlite(folder, inline=True) as store:
        house = await House.build(store)
        everybody = ("alice", "bob")
        await store.put_blob(1, Blob(sha256=LAMP, size_bytes=4, mime="image/jpeg"))
        await store.put_blob(1, Blob(sha256=SHOE, size_bytes=9, mime="image/jpeg", thumbnail=LAMP))
        await house.room(*everybody, direct=True)
        for number in range(6):
            await house.append(house.message("alice", f"{number}", *everybody))
        await house.append(
            house.message("bob", "look", *everybody, media=[SHOE]),
            house.change("alice", Kind.EDITED, 3, pack([3, "y"]), *everybody),
            house.change("alice", Kind.RECALLED, 3, pack([3]), *everybody),
            house.read("bob", 4, *everybody),
        )
        if trim:
            await store.trim_logs(before_ms=0, positions_kept_max=5)
        await house.append(Write(device=0, at_ms=AT_MS))


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    await fill(tmp_path)
    return tmp_path


def damage(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE_NAME, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def found(folder: Path) -> list[str]:
    return [str(finding) for finding in verify(folder).findings]


@pytest.mark.parametrize("trim", [False, True])
async def test_a_sound_directory_has_no_findings(tmp_path: Path, trim: bool) -> None:
    await fill(tmp_path, trim=trim)
    report = verify(tmp_path)
    assert report.sound, report.findings
    assert (report.users, report.conversations, report.records, report.blobs) == (2, 1, 10, 2)
    assert report.log_entries == (10 if trim else 22)


FAULTS = {
    "INSERT INTO ban VALUES (77)": ["ban (user 77): there is no such user"],
    "DELETE FROM record WHERE seq = 5": [
        f"record (conversation {ROOM}, seq 6): the record before it is missing",
        f"log (user 1, position 1): of its 10 records (conversation {ROOM}, from seq 1) one is missing",
        f"log (user 2, position 1): of its 10 records (conversation {ROOM}, from seq 1) one is missing",
    ],
    "DELETE FROM conversation": [
        f"record (conversation {ROOM}): there is no such conversation",
        f"member (conversation {ROOM}, user 1): there is no such conversation or no such user in its app",
        f"member (conversation {ROOM}, user 2): there is no such conversation or no such user in its app",
        f"media (conversation {ROOM}, seq 8): there is no such record, or its app has no blob {'01' * 32}",
    ],
    "UPDATE record SET target = 9 WHERE seq = 9": [
        f"record (conversation {ROOM}, seq 9): it changes record 9, which does not come before it"
    ],
    "UPDATE record SET author = 77 WHERE seq = 4": [
        f"record (conversation {ROOM}, seq 4): its author 77 is no user"
    ],
    "UPDATE log SET count = 9 WHERE user = 2 AND position = 1": [
        "log (user 2, position 11): the entry before it is missing",
        f"log (user 2): record 10 of conversation {ROOM} is missing to a member since 1",
    ],
    "UPDATE log SET count = 2 WHERE user = 1 AND position = 11": [
        "log (user 1, position 11): it claims 2 positions"
    ],
    "UPDATE log SET seq = 99 WHERE reader = 2 AND user = 1": [
        f"log (user 1, position 11): its read mark 99 is beyond the head of conversation {ROOM}"
    ],
    f"INSERT INTO log VALUES (1, 12, {ROOM}, 4, 0, 9999, NULL, NULL, 2)": [
        f"log (user 1, position 12): record 4 of conversation {ROOM} stands in this log twice or out of order"
    ],
    "UPDATE log SET bytes_total = 0 WHERE user = 1 AND position = 1": [
        "log (user 1, position 1): bytes_total does not rise"
    ],
    "DELETE FROM log WHERE user = 2": [f"log (user 2): conversation {ROOM} is missing to a member since 1"],
    "UPDATE member SET read = 11 WHERE user = 2": [
        f"member (conversation {ROOM}, user 2): first 1, read 11, delivered 0 do not fit the head 10"
    ],
    "UPDATE member SET delivered = 11 WHERE user = 1": [
        f"member (conversation {ROOM}, user 1): first 1, read 0, delivered 11 do not fit the head 10"
    ],
    "UPDATE conversation SET user_b = 1": [
        f"conversation (id {ROOM}): its users 1 and 1 are not two of its app in rising order"
    ],
    "UPDATE device SET acked = 12 WHERE id = 2": ["device (id 2): acked 12 is beyond the log's head 11"],
    "UPDATE device SET outcomes = substr(outcomes, 2) WHERE id = 1": [
        "device (id 1): outcomes: a ring of 175 bytes at counter 8"
    ],
    "UPDATE device SET accepted = 7 WHERE id = 1": [
        "device (id 1): outcomes: a ring of 176 bytes at counter 7"
    ],
    "UPDATE device SET outcomes = x'' WHERE id = 1": [
        "device (id 1): outcomes: 0 are kept of the last 8 commands"
    ],
    "DELETE FROM blob WHERE thumbnail IS NULL": [
        f"blob (app 1, sha256 {'01' * 32}): its thumbnail {'02' * 32} is no blob of the app"
    ],
    "UPDATE media SET seq = 99": [
        f"media (conversation {ROOM}, seq 99): there is no such record, or its app has no blob {'01' * 32}"
    ],
}


@pytest.mark.parametrize("statement", FAULTS)
async def test_each_fault_is_named_with_its_table_and_keys(folder: Path, statement: str) -> None:
    damage(folder, statement)
    findings = found(folder)
    if statement == "DELETE FROM log WHERE user = 2":
        findings = [finding for finding in findings if not finding.startswith("device")]
    assert findings == FAULTS[statement]


async def test_a_hole_in_a_trimmed_log_is_found(tmp_path: Path) -> None:
    await fill(tmp_path, trim=True)
    damage(tmp_path, "UPDATE log SET position = 8, seq = 8, count = 3 WHERE user = 1 AND position = 7")
    assert found(tmp_path) == ["log (user 1, position 8): the entry before it is missing"]
    damage(tmp_path, "UPDATE log SET bytes_total = 1 WHERE user = 2 AND position = 7")
    assert "log (user 2, position 7): bytes_total does not rise" in found(tmp_path)


async def test_damage_to_the_file_is_found(folder: Path) -> None:
    path = folder / DATABASE_NAME
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'log'").fetchone()
    data[(page - 1) * 4096 + 100 : page * 4096] = b"\x5a" * 3996
    path.write_bytes(data)
    findings = found(folder)
    assert findings
    assert all(finding.startswith("(file)") for finding in findings)


@pytest.mark.parametrize("kept_bytes", [4096, 3 * 4096, 5 * 4096 + 100])
async def test_a_truncated_file_is_a_finding(folder: Path, kept_bytes: int) -> None:
    path = folder / DATABASE_NAME
    path.write_bytes(path.read_bytes()[:kept_bytes])
    findings = found(folder)
    assert findings
    assert all(finding.startswith("(file)") for finding in findings)


async def test_an_empty_file_is_called_empty(folder: Path) -> None:
    (folder / DATABASE_NAME).write_bytes(b"")
    with pytest.raises(FolderForeign, match="is an empty database; restore a backup"):
        verify(folder)


async def test_the_bytes_of_blobs_are_judged_by_the_caller(folder: Path) -> None:
    asked = []

    def fault(sha256: bytes, size_bytes: int) -> str | None:
        asked.append((sha256, size_bytes))
        return "its bytes are others" if sha256 == LAMP else None

    report = verify(folder, blob_fault=fault)
    assert sorted(asked) == [(SHOE, 9), (LAMP, 4)]
    assert [str(f) for f in report.findings] == [f"blob (sha256 {'02' * 32}): its bytes are others"]


async def test_findings_are_listed_up_to_a_limit(folder: Path) -> None:
    damage(
        folder,
        "WITH RECURSIVE n (x) AS (SELECT 77 UNION ALL SELECT x + 1 FROM n LIMIT 30)"
        " INSERT INTO ban SELECT x FROM n",
    )
    assert len(found(folder)) == 20


async def test_a_live_directory_is_verified_beside_its_server(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        assert verify(tmp_path).sound
        await house.append(house.message("alice", "x", "alice", "bob"))
        assert verify(tmp_path).records == 2


async def test_it_changes_nothing(folder: Path) -> None:
    before = (folder / DATABASE_NAME).read_bytes()
    verify(folder)
    assert (folder / DATABASE_NAME).read_bytes() == before


def test_what_is_no_data_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderForeign, match="no server data"):
        verify(tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_an_older_schema_is_not_judged(folder: Path) -> None:
    damage(folder, f"PRAGMA user_version = {len(MIGRATIONS) - 1}")
    with pytest.raises(FolderError, match="older schema"):
        verify(folder)
