"""Records of the first schema, which kept no digest; and `verify`, which compares what is on the disk."""

import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

from improtocol.digest import record_digest, term_of
from improtocol.entries import Kind
from improtocol.values import pack
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.sqlite import open_sqlite
from imserver.storage.verify import verify
from tests.contracts.house import AT_MS, ROOM, House


def change(folder: Path, statement: str) -> None:
    """Somebody else writes into the database."""
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as db:
        assert db.execute(statement).rowcount > 0
        db.commit()


async def test_a_record_without_a_digest_gets_it_when_it_is_read_summed_or_erased(tmp_path: Path) -> None:
    digest = record_digest(Kind.MESSAGE, AT_MS, "alice", ROOM, pack("old"))
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        await house.append(house.message("alice", "old", "alice", "bob"))
    change(tmp_path, "UPDATE record SET digest = NULL")
    async with open_sqlite(tmp_path, inline=True) as store:
        bob = house.users["bob"]
        assert (await store.log_range(bob, 1, limit=1, bytes_max=99))[0].digest == digest
        assert await store.log_sums([(bob, 99, 1, 2)]) == [term_of(digest, 2)]
        await store.append([house.change("alice", Kind.RECALLED, 2, pack([2]), "alice", "bob")])
        assert await store.log_sums([(bob, 99, 1, 2)]) == [term_of(digest, 2)]
        (row,) = await store.log_range(bob, 1, limit=1, bytes_max=99)
        assert row.entry.payload == pack(digest.to_bytes(4, "big"))


async def test_a_record_erased_before_there_were_digests_counts_as_it_is_given_out(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        await house.append(house.message("alice", "old", "alice", "bob"))
        await house.append(house.change("alice", Kind.RECALLED, 2, pack([2]), "alice", "bob"))
    change(tmp_path, "UPDATE record SET digest = NULL")
    async with open_sqlite(tmp_path, inline=True) as store:
        bob = house.users["bob"]
        (row,) = await store.log_range(bob, 1, limit=1, bytes_max=99)
        assert row.entry.payload == pack(None)
        erased = record_digest(Kind.MESSAGE, AT_MS, "alice", ROOM, pack(None))
        assert await store.log_sums([(bob, 99, 1, 2)]) == [term_of(erased, 2)]
    assert verify(tmp_path).findings == ()


async def test_verify_names_a_record_whose_bytes_are_not_those_written(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        for number in range(3):
            await house.append(house.message("alice", f"{number}", "alice", "bob"))
        await house.append(house.change("alice", Kind.RECALLED, 2, pack([2]), "alice", "bob"))
    assert verify(tmp_path).findings == ()
    change(tmp_path, f"UPDATE record SET payload = x'{pack('9').hex()}' WHERE seq = 3")
    (finding,) = verify(tmp_path).findings
    assert str(finding) == (
        f"record (conversation {ROOM}, seq 3): it does not say any more what was written: its digest differs"
    )


async def test_verify_names_a_record_whose_place_in_time_was_changed(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
    change(tmp_path, "UPDATE record SET at_ms = at_ms + 1")
    assert [finding.table for finding in verify(tmp_path).findings] == ["record"]


async def test_a_message_is_read_or_recalled_with_one_of_its_edits_in_memory_at_a_time(
    tmp_path: Path,
) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
        await house.append(house.message("alice", "old", "alice", "bob"))
        for _ in range(100):
            await house.append(house.change("alice", Kind.EDITED, 2, pack([2, "y" * 32_000]), "bob"))
        tracemalloc.start()
        page, _ = await store.history(ROOM, first=1, before=3, limit=1)
        assert [entry.seq for entry in page] == [2, 102]
        await house.append(house.change("alice", Kind.RECALLED, 2, pack([2]), "bob"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 500_000
        page, _ = await store.history(ROOM, first=1, before=0, limit=200)
        assert max(len(entry.payload) for entry in page) < 100
