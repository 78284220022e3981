"""Small batches wait in a journal until the tables say them: nobody can tell, whatever happens meanwhile."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import trio

from improtocol.entries import Kind
from imserver.storage import appending, journal
from imserver.storage.driver import InlineDriver
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.model import NO_ENTRY, Marks, StoreBroken
from imserver.storage.schema import open_writer
from imserver.storage.sqlite import SqliteStore, open_sqlite
from imserver.storage.verify import verify
from imserver.storage.writing import Writer
from tests.contracts.house import ROOM, House


def waiting(folder: Path) -> int:
    """Rows of the journal."""
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as db:
        return int(db.execute("SELECT count(*) FROM journal").fetchone()[0])


async def heads(store: SqliteStore, house: House) -> list[int]:
    logs = await store.log_heads(list(house.users.values()))
    return [logs[user].head for user in house.users.values()]


async def test_the_tables_follow_before_they_are_read_and_only_when_it_matters(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store, "alice", "bob", "carol")
        await house.room("alice", "bob")
        for number in range(5):
            await house.append(house.message("alice", f"{number}", "alice", "bob"))
        assert waiting(tmp_path) == 5
        # Nothing of these can be in a journal, or nothing is of carol.
        await store.apps()
        await store.share_conversation(house.users["alice"], [house.users["bob"]])
        await store.log_heads([house.users["carol"]])
        await store.conversation(ROOM + 1)
        assert waiting(tmp_path) == 5
        found = await store.conversation(ROOM)
        assert found is not None
        assert found.head == 6
        assert waiting(tmp_path) == 0


@pytest.mark.parametrize("what", ["marks", "login", "trim", "change", "much"])
async def test_whatever_else_is_written_finds_tables_that_say_everything(tmp_path: Path, what: str) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        for number in range(5):
            await house.append(house.message("alice", f"{number}", "alice", "bob"))
        assert waiting(tmp_path) == 5
        if what == "marks":
            await store.append([], Marks(acked={house.devices["bob"].id: 3}))
        elif what == "login":
            await store.ensure_users(house.app, ["dora"])
        elif what == "trim":
            assert await store.trim_logs(before_ms=0, positions_kept_max=2) == 8
        elif what == "change":
            await house.append(house.change("bob", Kind.RECALLED, 4, b"\x91\x04", "alice", "bob"))
        else:
            await house.append(
                *(house.message("bob", "x", "alice", "bob") for _ in range(journal.WRITES_MAX))
            )
        assert waiting(tmp_path) == 0
    assert verify(tmp_path).sound


async def test_a_start_after_a_kill_goes_on_where_the_journal_ends(tmp_path: Path) -> None:
    """Nothing of the process is closed: what it had committed is all the next one has."""
    driver = InlineDriver(tmp_path / DATABASE_NAME)
    store = SqliteStore(driver, epoch=1)
    house = await House.build(store)
    await house.room("alice", "bob")
    await house.append(house.message("alice", "one", "alice", "bob"), house.read("bob", 2, "alice", "bob"))
    await house.append(house.write("alice", NO_ENTRY, code=503, value=9))
    assert waiting(tmp_path) == 2
    report = verify(tmp_path)
    assert report.sound
    assert (report.records, report.log_entries) == (2, 6), "what waits is counted"
    async with open_sqlite(tmp_path, inline=True) as again:
        house.store = again
        assert (await again.devices([1001]))[1001].accepted == 2
        assert await heads(again, house) == [3, 3]
        (place,) = await house.append(house.message("bob", "two", "alice", "bob"))
        assert (place.seq, list(place.positions)) == (3, [4, 4])
    assert verify(tmp_path).sound
    assert waiting(tmp_path) == 0, "an orderly end leaves no work to the next start"


async def test_caches_lose_nothing_that_the_tables_do_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for two ends of logs and conversations, and forty that wait."""
    monkeypatch.setattr(appending, "CACHED_MAX", 2)
    names = [f"user{number}" for number in range(20)]
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store, *names)
        rooms = [ROOM + number for number in range(19)]
        for room, name in zip(rooms, names[1:], strict=True):
            await house.room(names[0], name, room=room)
        for turn in range(3):
            for room, name in zip(rooms, names[1:], strict=True):
                write = house.message(name, "x", names[0], name, conversation=room)
                ((seq, positions, _),) = await house.append(write)
                assert (seq, positions[1]) == (turn + 2, turn + 2)
        assert waiting(tmp_path) > 0
    assert verify(tmp_path).sound


async def test_after_work_that_fails_what_waits_is_still_there(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        await house.append(house.message("alice", "kept", "alice", "bob"))
        with pytest.raises(ValueError, match="already"):
            await store.put_app("shop", now_ms=1, media_bytes_max=1)
        assert waiting(tmp_path) == 1
        (place,) = await house.append(house.message("alice", "next", "alice", "bob"))
        assert place.seq == 3
        assert await heads(store, house) == [3, 3]
    assert verify(tmp_path).sound


async def test_readers_on_their_threads_see_every_append_that_has_returned(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path) as store:
        house = await House.build(store, "alice", "bob", "carol", "dora")
        for room, pair in ((1, ("alice", "bob")), (2, ("carol", "dora"))):
            await house.room(*pair, room=room)

        async def talk(room: int, one: str, other: str) -> None:
            for seq in range(2, 60):
                await house.append(house.message(one, "x", one, other, conversation=room))
                found = await store.conversation(room)
                assert found is not None
                assert found.head == seq
                assert (await store.log_heads([house.users[other]]))[house.users[other]].head == seq

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(talk, 1, "alice", "bob")
                nursery.start_soon(talk, 2, "carol", "dora")


async def test_when_nothing_is_asked_of_the_writer_the_tables_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = threading.Event()

    def settle(self: Writer) -> bool:
        done = real(self)
        followed.set()
        return done

    async with open_sqlite(tmp_path) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        real = Writer.settle
        monkeypatch.setattr(Writer, "settle", settle)
        await house.append(house.message("alice", "x", "alice", "bob"))
        assert await trio.to_thread.run_sync(followed.wait, 60)
        assert waiting(tmp_path) == 0


async def test_a_failure_while_the_writer_rests_is_told_though_nobody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settle(self: Writer) -> bool:
        raise StoreBroken("the disk said EIO")

    async with open_sqlite(tmp_path) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "settle", settle)
            await house.append(house.message("alice", "x", "alice", "bob"))
            with trio.fail_after(60), pytest.raises(StoreBroken, match="EIO"):
                await store.failed()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE journal SET writes = x'c1'", "no batch of writes"),
        ("UPDATE journal SET writes = (SELECT writes FROM journal WHERE id = 2) WHERE id = 1", "counter 2"),
        ("DELETE FROM journal WHERE id = 1", "counter 2 after 0"),
        ("DELETE FROM conversation", "no conversation"),
    ],
)
async def test_a_journal_that_cannot_be_followed_is_found_and_refused(
    tmp_path: Path, damage: str, told: str
) -> None:
    driver = InlineDriver(tmp_path / DATABASE_NAME)
    house = await House.build(SqliteStore(driver, epoch=1))
    await house.room("alice", "bob")
    for text in ("one", "two"):
        await house.append(house.message("alice", text, "alice", "bob"))
    with closing(open_writer(tmp_path / DATABASE_NAME)) as db:
        db.execute(damage)
    assert any(told in str(finding) for finding in verify(tmp_path).findings)
    with pytest.raises(StoreBroken):
        async with open_sqlite(tmp_path, inline=True):
            pass
