"""The durable store: kills, full disks, other processes, other versions."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import trio

from improtocol import Body, Text
from improtocol.commands import Post
from improtocol.frames import Result
from imsdk.errors import Stopped, StorageError, StorageFull, StorageLocked, StorageNewer
from imsdk.store import SqliteStore
from tests.sdk.store.conftest import ME, connected, created, message

#: Writes for ever and says after each commit what is durable now.
WRITER = """
import sys, trio
from pathlib import Path
from imsdk.store import SqliteStore
from improtocol import Body, Text
from improtocol.commands import Post
from improtocol.frames import Result
sys.path.insert(0, sys.argv[2])
from tests.sdk.store.conftest import ME, connected, created, message

async def main():
    store = SqliteStore(Path(sys.argv[1]), inline=True)
    identity = await store.open("phone")
    if not identity.session:
        await store.attach(connected())
        await store.commit_events([created(ME, "bob")], 1)
    identity = await store.identity()
    chat = await store.chat_of(77)
    seq = (await store.chat(chat)).head
    end, acked, assigned = identity.cursor, identity.acked, identity.assigned
    print("ready", flush=True)
    while True:
        assigned += 1
        body = Body(content=Text(f"own {assigned}"))
        await store.enqueue(chat, Post(conversation=77, body=body), None, 0)
        print("sent", assigned, flush=True)
        if assigned - acked >= 3:
            for _ in range(2):
                seq += 1
                acked += 1
                await store.settle([Result(counter=acked, value=seq, at_ms=seq)])
                print("acked", acked, seq, flush=True)
        await store.commit_events([message(seq + 1, "x"), message(seq + 2, "y")], end + 2)
        seq, end = seq + 2, end + 2
        print("events", end, seq, flush=True)

trio.run(main)
"""


def kill_a_writer(folder: Path, lines: int) -> list[list[str]]:
    """What a writer said before it was killed with SIGKILL, a moment after its line number `lines`."""
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), root], stdout=subprocess.PIPE, text=True, cwd=root
    ) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().split() for _ in range(lines)]
        os.kill(writer.pid, signal.SIGKILL)
        said += [
            line.split() for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        ]
    return said


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
async def test_what_was_said_to_be_durable_survives_sigkill(tmp_path: Path) -> None:
    rng = Random(7)
    for _ in range(4):
        said = kill_a_writer(tmp_path, rng.randint(5, 60))
        sent = max((int(line[1]) for line in said if line[0] == "sent"), default=0)
        acked = max((int(line[1]) for line in said if line[0] == "acked"), default=0)
        events = max((int(line[1]) for line in said if line[0] == "events"), default=0)
        store = SqliteStore(tmp_path, inline=True)
        identity = await store.open("other")
        assert identity.device == "phone"
        assert identity.assigned >= sent
        assert identity.acked >= acked
        assert identity.cursor >= events
        # Records and cursor are one: two events a step, one record a result, the first record.
        chat = await store.chat_of(77)
        assert chat is not None
        row = await store.chat(chat)
        assert row is not None
        assert row.head == 1 + (identity.cursor - 1) + identity.acked
        feed = await store.feed(0, 100_000, messages=True)
        assert [item.seq for item in feed] == list(range(2, row.head + 1))
        window = await store.window(identity.acked, 100)
        assert [counter for counter, _ in window] == list(range(identity.acked + 1, identity.assigned + 1))
        await store.close()


def limit_pages(store: SqliteStore, more: int) -> None:
    """As a disk with room for `more` pages."""
    con = store._database._connection
    assert con is not None
    (count,) = con.execute("PRAGMA page_count").fetchone()
    con.execute(f"PRAGMA max_page_count = {count + more}")


async def fill(store: SqliteStore, chat: int, action: Post) -> None:
    """Send until there is no room."""
    for _ in range(100):
        await store.enqueue(chat, action, None, 0)


async def test_a_full_disk_changes_nothing_and_is_got_over(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, inline=True)
    await store.open("phone")
    await store.attach(connected())
    await store.commit_events([created(ME, "bob")], 1)
    chat = await store.chat_of(77)
    assert chat is not None
    limit_pages(store, 4)
    action = Post(conversation=77, body=Body(content=Text("x" * 3000)))
    with pytest.raises(StorageFull):
        await fill(store, chat, action)
    sent = (await store.identity()).assigned
    assert 0 < sent < 100
    with pytest.raises(StorageFull):
        await store.commit_events([message(2, "y" * 5000)], 2)
    identity = await store.identity()
    assert (identity.assigned, identity.cursor) == (sent, 1)
    assert len(await store.pending()) == sent
    limit_pages(store, 1000)
    await store.enqueue(chat, action, None, 0)
    await store.commit_events([message(2, "y" * 5000)], 2)
    await store.settle([Result(counter=1, value=3, at_ms=3)])
    assert (await store.identity()).cursor == 2
    await store.close()


async def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, inline=True)
    await store.open("phone")
    await store.close()
    with sqlite3.connect(tmp_path / "chat.sqlite") as con:
        con.execute("PRAGMA user_version = 1000")
    con.close()
    before = (tmp_path / "chat.sqlite").read_bytes()
    with pytest.raises(StorageNewer):
        await store.open("phone")
    assert (tmp_path / "chat.sqlite").read_bytes() == before
    with pytest.raises(StorageNewer):  # and the lock was let go of
        await store.open("phone")


async def test_a_file_that_is_no_database_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "chat.sqlite").write_bytes(b"this is no database, " * 100)
    with pytest.raises(StorageError):
        await SqliteStore(tmp_path).open("phone")


async def test_one_folder_one_client(tmp_path: Path) -> None:
    first, second = SqliteStore(tmp_path), SqliteStore(tmp_path)
    await first.open("phone")
    with pytest.raises(StorageLocked):
        await second.open("phone")
    await first.close()
    await second.open("phone")
    await second.close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await store.open("phone")
    await store.close()
    with pytest.raises(Stopped, match="closed"):
        await store.identity()


async def test_cancelling_leaves_no_half_of_a_transaction(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await store.open("phone")
    await store.attach(connected())
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.commit_events([created(ME, "bob"), message(2, "hi")], 2)
    assert (await store.identity()).cursor == 2
    (row,) = await store.feed(0, 10, messages=True)
    assert row.seq == 2
    await store.close()
