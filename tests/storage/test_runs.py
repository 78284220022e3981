"""A log's row is a run: what is posted one after the other in a conversation takes one row of each log."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.storage import sqlite, writing
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.sqlite import open_sqlite
from imserver.storage.store import Store
from imserver.storage.verify import verify
from tests.contracts.house import House

Row = tuple[int, int, int]


async def rows(store: Store, folder: Path, user: int) -> list[Row]:
    """(position, seq, count) of the rows of a log."""
    await store.log_heads([user])  # before one reads it, the log has followed the journal
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as db:
        return db.execute(
            "SELECT position, seq, count FROM log WHERE user = ? ORDER BY position", (user,)
        ).fetchall()


async def told(store: Store, user: int) -> list[tuple[int, int, int]]:
    """(position, device, seq) of what the log gives out."""
    entries = await store.log_range(user, 0, limit=99, bytes_max=9999)
    return [(entry.position, entry.device, entry.entry.seq) for entry in entries]


async def test_a_dialogue_is_one_row_in_each_log_over_batches_and_restarts(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        await house.append(*(house.message("alice", f"{number}", "alice", "bob") for number in range(3)))
        await house.append(house.message("bob", "yes", "alice", "bob"))
    async with open_sqlite(tmp_path, inline=True) as store:
        house.store = store
        await house.append(house.message("alice", "again", "alice", "bob"))
        alice, bob = house.ids(["alice", "bob"])
        assert await rows(store, tmp_path, alice) == await rows(store, tmp_path, bob) == [(1, 1, 6)]
        phone = house.devices["alice"].id
        assert await told(store, alice) == [
            (1, 0, 1),
            (2, phone, 2),
            (3, phone, 3),
            (4, phone, 4),
            (5, 0, 5),
            (6, phone, 6),
        ]
    assert verify(tmp_path).sound


async def test_a_run_ends_at_a_read_mark(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        writes = [house.message("alice", "1", "bob"), house.read("bob", 2, "bob")]
        await house.append(*writes, house.message("alice", "2", "bob"), house.message("alice", "3", "bob"))
        assert await rows(store, tmp_path, house.users["bob"]) == [(1, 1, 2), (3, 2, 1), (4, 3, 2)]


async def test_a_row_of_an_older_version_names_its_device_and_does_not_grow(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        await house.append(house.message("alice", "old", "alice", "bob"))
    alice, phone = house.users["alice"], house.devices["alice"].id
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)) as db:
        db.execute("UPDATE record SET device = 0")
        db.execute("UPDATE log SET count = 1")
        db.execute(
            "INSERT INTO log"
            " SELECT user, 2, conversation, 2, iif(user = ?, ?, 0), bytes_total + 9, NULL, NULL, 1 FROM log",
            (alice, phone),
        )
    async with open_sqlite(tmp_path, inline=True) as store:
        house.store = store
        await house.append(house.message("alice", "new", "alice", "bob"))
        assert await rows(store, tmp_path, alice) == [(1, 1, 1), (2, 2, 1), (3, 3, 1)]
        assert await told(store, alice) == [(1, 0, 1), (2, phone, 2), (3, phone, 3)]
    assert verify(tmp_path).sound


async def test_trimming_cuts_a_run_in_two(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("bob")
        await house.append(*(house.message("alice", f"{number}", "bob") for number in range(5)))
        assert await store.trim_logs(before_ms=0, positions_kept_max=2) == 4 + 0
        bob = house.users["bob"]
        assert await rows(store, tmp_path, bob) == [(5, 5, 2)]
        await house.append(house.message("alice", "more", "bob"))
        assert await rows(store, tmp_path, bob) == [(5, 5, 3)]
    assert verify(tmp_path).sound


@pytest.mark.parametrize(("rows_max", "users_max"), [(1, 9), (9, 1), (2, 2)])
async def test_trimming_takes_little_at_a_time_and_in_the_end_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_max: int, users_max: int
) -> None:
    """Appends wait for a transaction's end, so one may neither drop nor look at too much."""
    monkeypatch.setattr(sqlite, "TRIM_ROWS", rows_max)
    monkeypatch.setattr(sqlite, "TRIM_USERS", users_max)
    steps = []
    trim_logs = writing.trim_logs

    def noted(*arguments: Any) -> tuple[int, int | None]:
        steps.append(trim_logs(*arguments))
        return steps[-1]

    monkeypatch.setattr(writing, "trim_logs", noted)
    async with open_sqlite(tmp_path, inline=True) as store:
        names = ("alice", "bob", "carol")
        house = await House.build(store, *names)
        await house.room(*names)
        await house.append(*(house.message("alice", f"{number}", *names) for number in range(4)))
        assert await store.trim_logs(before_ms=0, positions_kept_max=2) == 3 * 3
        for name in names:
            assert [row[0] for row in await rows(store, tmp_path, house.users[name])] == [4]
    assert max(dropped for dropped, _ in steps) <= rows_max
    assert len(steps) >= max(3 / users_max, 9 / rows_max)
    assert verify(tmp_path).sound
