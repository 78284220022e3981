"""What happens when SQLite cannot do what it is asked: full passes, anything else is the end (G7)."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from imserver.storage import journal, writing
from imserver.storage.driver import InlineDriver
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.schema import open_writer
from imserver.storage.sqlite import SqliteStore, open_sqlite
from imserver.storage.store import StoreBroken, StoreFull
from imserver.storage.writing import Writer
from tests.contracts.house import ROOM, House


class Failing:
    """A connection that fails at statements beginning with `at`, with SQLite's error `name`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.at = "-"
        self.name = "SQLITE_IOERR_FSYNC"
        self.seen: list[str] = []

    def _maybe_fail(self, sql: str) -> None:
        self.seen.append(sql.split(maxsplit=1)[0])
        if sql.startswith(self.at):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = getattr(sqlite3, self.name)
            error.sqlite_errorname = self.name
            raise error

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        self._maybe_fail(sql)
        return self._db.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        self._maybe_fail(sql)
        return self._db.executemany(sql, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


@pytest.fixture
def failing(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Failing, SqliteStore]]:
    """A store whose batches go to the tables at once, unless the journal is among what shall fail."""
    driver = InlineDriver(tmp_path / DATABASE_NAME)
    connection = Failing(driver.writer.db)
    if "journal" not in request.node.name:
        monkeypatch.setattr(journal, "WRITES_MAX", 0)
    driver.writer = Writer(cast(sqlite3.Connection, connection))
    yield connection, SqliteStore(driver, epoch=1)
    connection.at = "-"
    driver.close()


@pytest.mark.parametrize(
    "at",
    [
        "BEGIN",
        "INSERT INTO record",
        "INSERT OR REPLACE INTO log",
        "INSERT INTO journal",
        "UPDATE device",
        "COMMIT",
    ],
)
async def test_after_an_io_error_nothing_is_tried_any_more(
    failing: tuple[Failing, SqliteStore], at: str
) -> None:
    """SQLite would commit the next transaction on pages that the failed sync may have lost."""
    connection, store = failing
    house = await House.build(store)
    await house.room("alice", "bob")
    connection.at = at
    with pytest.raises(StoreBroken, match="SQLITE_IOERR_FSYNC"):
        await house.append(house.message("alice", "x", "bob"))
    connection.at = "-"
    connection.seen.clear()
    for again in (store.append([]), store.ensure_users(1, ["dora"]), store.log_heads([1])):
        with pytest.raises(StoreBroken, match="SQLITE_IOERR_FSYNC"):
            await again
    assert connection.seen == []


@pytest.mark.parametrize(
    "at",
    ["INSERT INTO record", "INSERT OR REPLACE INTO log", "INSERT INTO journal", "UPDATE device", "COMMIT"],
)
@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"])
async def test_a_full_disk_refuses_whole_and_passes(
    failing: tuple[Failing, SqliteStore], at: str, name: str
) -> None:
    connection, store = failing
    house = await House.build(store)
    await house.room("alice", "bob")
    writes = [house.message("alice", "x", "bob"), house.message("bob", "y", "alice")]
    connection.at, connection.name = at, name
    with pytest.raises(StoreFull):
        await store.append(writes)
    assert (await store.log_heads([house.users["bob"]]))[house.users["bob"]].head == 1, "reads go on"
    assert (await store.devices([1001]))[1001].accepted == 0
    connection.at = "-"
    assert [place.seq for place in await store.append(writes)] == [2, 3]
    assert (await store.devices([1001]))[1001].accepted == 1


async def test_a_failed_rollback_is_the_end_even_when_full(failing: tuple[Failing, SqliteStore]) -> None:
    connection, store = failing
    await store.put_app("shop", now_ms=1, media_bytes_max=1)
    connection.at, connection.name = "ROLLBACK", "SQLITE_FULL"
    with pytest.raises(StoreBroken, match="rollback"):
        await store.put_app("shop", now_ms=1, media_bytes_max=1)
    with pytest.raises(StoreBroken, match="rollback"):
        await store.apps()


async def test_a_checkpoint_that_cannot_sync_is_the_end(
    failing: tuple[Failing, SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, store = failing
    house = await House.build(store)
    await house.room("alice", "bob")
    monkeypatch.setattr(writing, "CHECKPOINT_ROWS", 1)
    connection.at = "PRAGMA wal_checkpoint"
    with pytest.raises(StoreBroken, match="checkpoint"):
        await house.append(house.message("alice", "x", "bob"))


async def test_a_checkpoint_without_room_is_put_off(
    failing: tuple[Failing, SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, store = failing
    house = await House.build(store)
    monkeypatch.setattr(writing, "CHECKPOINT_ROWS", 1)
    connection.at, connection.name = "PRAGMA wal_checkpoint", "SQLITE_FULL"
    await house.room("alice", "bob")
    assert connection.seen[-1] == "PRAGMA"


async def test_checkpoints_keep_the_wal_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHECKPOINT_ROWS", 100)
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        sizes = []
        for _ in range(300):
            await house.append(house.message("alice", "x", "alice", "bob"))
            sizes.append((tmp_path / "im.db-wal").stat().st_size)
        assert sizes[-1] < 2 * sizes[50], "the WAL is used again from its start"


async def test_a_really_full_database_refuses_whole_and_works_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own refusal, by a limit of pages."""
    monkeypatch.setattr(journal, "WRITES_MAX", 0)
    driver = InlineDriver(tmp_path / DATABASE_NAME)
    store = SqliteStore(driver, epoch=1)
    house = await House.build(store)
    await house.room("alice", "bob")
    (pages,) = driver.writer.db.execute("PRAGMA page_count").fetchone()
    driver.writer.db.execute(f"PRAGMA max_page_count = {pages + 4}")
    accepted = 0

    async def fill() -> None:
        nonlocal accepted
        for _ in range(20):
            await store.append([house.message("alice", "x" * 3000, "bob")])
            accepted += 1

    with pytest.raises(StoreFull):
        await fill()
    head = (await store.log_heads([house.users["bob"]]))[house.users["bob"]].head
    assert head == 1 + accepted
    driver.writer.db.execute("PRAGMA max_page_count = 1000000")
    house.counters[house.devices["alice"].id] -= 1
    (place,) = await store.append([house.message("alice", "x" * 3000, "bob")])
    assert place.seq == head + 1
    driver.close()


async def test_an_error_of_the_work_itself_rolls_back_and_harms_nothing(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        await store.put_app("shop", now_ms=1, media_bytes_max=1)
        with pytest.raises(ValueError, match="already"):
            await store.put_app("shop", now_ms=1, media_bytes_max=1)
        assert (await store.put_app("other", now_ms=1, media_bytes_max=1)).id == 2


async def test_a_reader_that_meets_damage_breaks_the_store(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        await store._driver.write(  # type: ignore[attr-defined]
            lambda writer: writer.db.execute("UPDATE device SET outcomes = x'00'")
        )
        with pytest.raises(StoreBroken, match="ring"):
            await store.devices([1001])
        with pytest.raises(StoreBroken):
            await store.conversation(ROOM)


def test_a_broken_writer_touches_its_connection_no_more(tmp_path: Path) -> None:
    db = open_writer(tmp_path / DATABASE_NAME)
    connection = Failing(db)
    writer = Writer(cast(sqlite3.Connection, connection))
    connection.at = "COMMIT"
    with pytest.raises(StoreBroken, match="FSYNC"):
        writer.append([], None)
    connection.at = "-"
    connection.seen.clear()
    with pytest.raises(StoreBroken, match="FSYNC"):
        writer.append([], None)
    writer.close()
    assert connection.seen == []


async def test_a_writer_alone_needs_no_store(tmp_path: Path) -> None:
    """The project's SQL runs on a bare connection: for simulations, and under another VFS."""
    writer = Writer(open_writer(tmp_path / DATABASE_NAME))
    assert writer.append([], None) == []
    writer.close()
