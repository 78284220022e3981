"""No question of the hot pages reads a whole table: each statement goes by a key or an index."""

from pathlib import Path

from improtocol.entries import Kind
from imserver.storage.driver import InlineDriver
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.sqlite import SqliteStore
from imserver.storage.store import Marks
from tests.contracts.house import ROOM, House, login

#: Sub-queries that SQLite calls a scan: over rows it has just gathered by a key. The journal is read whole.
GATHERED = ("SCAN mine", "SCAN CONSTANT ROW", "SCAN journal")


async def test_every_read_and_append_goes_by_an_index(tmp_path: Path) -> None:
    driver = InlineDriver(tmp_path / DATABASE_NAME)
    store = SqliteStore(driver, epoch=1)
    house = await House.build(store)
    await house.room("alice", "bob", direct=True)
    await house.append(house.message("alice", "x", "alice", "bob", media=[b"1" * 32]))
    seen: set[str] = set()
    connections = [driver.writer.db, driver._reader]
    for db in connections:
        db.set_trace_callback(seen.add)
    driver.writer.forget()
    alice, bob = house.ids(["alice", "bob"])
    phone = house.devices["bob"].id
    marks = Marks(acked={phone: 1}, delivered={(ROOM, bob): 1}, seen_ms={phone: 1})
    await store.append([house.read("bob", 2, "alice", "bob"), house.message("bob", "y", "alice")], marks)
    await store.append([house.change("alice", Kind.EDITED, 2, b"\x92\x02\xa1y", "bob")])
    await store.append([house.change("alice", Kind.RECALLED, 2, b"\x91\x02", "bob")])
    await login(store, app=1, user="bob", device="d", session=9, secret_hash=b"", now_ms=1, expires_ms=2)
    await store.extend_sessions({phone: 5})
    await store.trim_logs(before_ms=0, positions_kept_max=2)
    await store.user_ids(1, ["alice"])
    await store.devices([1001])
    await store.device_sessions(alice)
    await store.log_heads([alice])
    await store.log_range(alice, 0, limit=9, bytes_max=99)
    await store.conversation(ROOM)
    await store.direct_conversation(1, (alice, bob))
    await store.history(ROOM, first=1, before=4, limit=9)
    await store.history(ROOM, first=1, before=0, limit=9)
    await store.record(ROOM, 1)
    await store.conversation_infos(alice, limit=9)
    await store.conversation_infos(alice, after=1, limit=9)
    await store.conversation_info(alice, ROOM)
    await store.member_infos(ROOM, after="", limit=9)
    await store.share_conversation(alice, [bob])
    await store.last_seen_ms([alice])
    await store.visible_media(bob, [b"1" * 32])
    await store.record_shows(ROOM, 2, b"1" * 32)
    await store.app_bytes(1)
    statements = {sql for sql in seen if sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH"))}
    assert len(statements) > 25
    for db in connections:
        db.set_trace_callback(None)
    scans, changes = [], []
    for sql in sorted(statements):
        plan = driver._reader.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        scans += [(detail, sql) for *_, detail in plan if "SCAN" in detail and detail not in GATHERED]
        changes += [detail for *_, detail in plan if "target" in sql and "INDEX" in detail]
    assert scans == []
    # Not by the conversation alone, which would go through all that was ever changed in it.
    assert len(changes) >= 4
    assert all("record_change (conversation=? AND target=?" in detail for detail in changes), changes
    driver.close()
