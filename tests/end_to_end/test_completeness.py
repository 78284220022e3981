"""Client and server know whether they hold the same history: real processes, damaged and replaced files."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import trio

import imsdk
from improtocol import pack
from imsdk import Client
from imserver.storage.folder import DATABASE_NAME
from tests.end_to_end.processes import Server, collect, environment

LONG_S = 60


async def say(client: Client, to: str, *texts: str) -> None:
    chat = await client.conversation(with_user=to)
    for sent in [await chat.send(text) for text in texts]:
        await sent.acked()


async def told(client: Client, count: int = 1) -> list[imsdk.HistoryDiverged]:
    """What is said about differences."""
    found: list[imsdk.HistoryDiverged] = []
    async for happened in client.changes():
        if isinstance(happened, imsdk.HistoryDiverged):
            found.append(happened)
            if len(found) == count:
                break
    return found


async def history(client: Client, peer: str) -> list[str]:
    page = await (await client.conversation(with_user=peer)).history(limit=100)
    return [m.content.text for m in page.messages if isinstance(m.content, imsdk.Text)]


async def test_a_byte_that_changed_on_the_servers_disk_is_found_by_the_client_and_by_verify(
    server: Server, tmp_path: Path
) -> None:
    """It comes again and differs again, so it is told as damage, and the chat goes on."""
    with trio.fail_after(LONG_S):
        async with server.client("bob", data_dir=tmp_path / "bob") as bob:
            await bob.synced()
        async with server.client("alice") as alice:
            await say(alice, "bob", *(f"message {number}" for number in range(20)))
        await server.kill()
        with closing(sqlite3.connect(server.data_dir / DATABASE_NAME)) as db:
            change = "UPDATE record SET payload = ? WHERE payload = ?"
            assert db.execute(change, (pack("message 1!"), pack("message 11"))).rowcount == 1
            db.commit()
        command = [sys.executable, "-m", "imserver", "verify", "--data-dir", str(server.data_dir)]
        done = await trio.run_process(
            command, capture_stdout=True, stderr=subprocess.STDOUT, check=False, env=environment()
        )
        assert done.returncode != 0
        assert b"does not say any more what was written" in done.stdout
        await server.start()
        async with server.client("bob", data_dir=tmp_path / "bob") as bob:
            found = await told(bob, 2)
            assert [(one.after, one.healed) for one in found] == [(0, True), (0, False)]
            assert len(await collect(bob, 20)) == 20
            async with server.client("alice") as alice:
                await say(alice, "bob", "and on")
            assert (await history(bob, "alice"))[-1] == "and on"


async def test_files_copied_back_without_restore_show_themselves_at_the_first_resume(
    server: Server, tmp_path: Path
) -> None:
    """New messages have filled the log up beyond the client's cursor before it comes back."""
    copy = tmp_path / "copy"
    with trio.fail_after(LONG_S):
        async with server.client("bob", data_dir=tmp_path / "bob") as bob:
            async with server.client("alice") as alice:
                await say(alice, "bob", "kept")
                await collect(bob, 1)
                await server.kill()
                shutil.copytree(server.data_dir, copy, ignore=shutil.ignore_patterns("*.sock"))
                await server.start()
                await say(alice, "bob", "lost 1", "lost 2")
                await bob.synced()
                await collect(bob, 2)
            await bob.synced()
        await server.kill()
        shutil.rmtree(server.data_dir)
        shutil.copytree(copy, server.data_dir)
        await server.start()
        async with server.client("carol") as carol:
            await say(carol, "bob", "new 1", "new 2", "new 3")
        async with server.client("bob", data_dir=tmp_path / "bob") as bob:
            (found,) = await told(bob)
            assert found.healed
            await bob.synced()
            assert await history(bob, "alice") == ["kept"]
            assert await history(bob, "carol") == ["new 1", "new 2", "new 3"]
            assert bob.statistics().diverged == 1
