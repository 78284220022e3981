"""A full device costs a pause, wherever it is noticed; a failed disk stops the client and never the app."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import imsdk
from imsdk.testing import Server
from tests.sdk.conftest import Open, take, texts

METHODS = ("window", "take_infos", "take_newest", "end_resync", "close_holes")


def failing(store: imsdk.SqliteStore, method: str, error: imsdk.StorageError) -> list[float]:
    """Let the next call of a method of the store fail; when it was, and each later one."""
    right = getattr(store, method)
    called_s: list[float] = []

    async def wrong(*args: Any, **options: Any) -> Any:
        called_s.append(trio.current_time())
        if len(called_s) == 1:
            raise error
        return await right(*args, **options)

    setattr(store, method, wrong)
    return called_s


async def a_history_with_a_hole(client: Open, server: Server) -> None:
    async with client("alice", "phone") as im:
        server.post("bob", "alice", "0")
        await take(im.messages(), 1)
    for number in range(1, 6):
        server.post("bob", "alice", f"{number}")
    server.trim_log("alice")


@pytest.mark.parametrize("method", METHODS)
async def test_no_room_during_a_resync_costs_five_seconds(
    autojump_clock: MockClock, client: Open, server: Server, tmp_path: Path, method: str
) -> None:
    await a_history_with_a_hole(client, server)
    store = imsdk.SqliteStore(tmp_path / "phone", inline=True)
    called_s = failing(store, method, imsdk.StorageFull("there is no room on the device"))
    async with client("alice", store=store, data_dir=tmp_path / "phone") as im:
        assert texts(await take(im.messages(after=0), 6)) == [str(number) for number in range(6)]
        await im.synced()
        await trio.sleep(10)
        assert 5 <= called_s[1] - called_s[0] <= 6.1


@pytest.mark.parametrize("method", METHODS)
async def test_a_failed_disk_during_a_resync_stops_the_client_with_the_disks_words(
    autojump_clock: MockClock, client: Open, server: Server, tmp_path: Path, method: str
) -> None:
    await a_history_with_a_hole(client, server)
    store = imsdk.SqliteStore(tmp_path / "phone", inline=True)
    called_s = failing(store, method, imsdk.StorageError("the disk failed"))
    async with client("alice", store=store, data_dir=tmp_path / "phone") as im:
        with pytest.raises(imsdk.Stopped, match=r"^the disk failed$"):
            await im.synced()
        await trio.sleep(100)
        assert len(called_s) == 1
        assert im.state.phase is imsdk.Phase.STOPPED


async def test_no_room_to_look_for_uploads_costs_five_seconds(
    autojump_clock: MockClock, client: Open, server: Server, tmp_path: Path
) -> None:
    store = imsdk.SqliteStore(tmp_path / "phone", inline=True)
    async with client("alice", store=store, data_dir=tmp_path / "phone") as im:
        await im.synced()
        called_s = failing(store, "drafts", imsdk.StorageFull("there is no room on the device"))
        chat = await im.conversation(with_user="bob")
        sent = await chat.send(imsdk.File.from_bytes(b"x" * 1000, name="a.bin"))
        assert await sent.acked() == 2
        assert called_s[1] - called_s[0] == 5


@pytest.mark.parametrize("online", [True, False])
async def test_a_disk_that_fails_under_an_upload_stops_the_client_and_not_the_app(
    autojump_clock: MockClock, client: Open, server: Server, tmp_path: Path, online: bool
) -> None:
    """Also while it waits for its next attempt to connect."""
    store = imsdk.SqliteStore(tmp_path / "phone", inline=True)
    async with client("alice", store=store, data_dir=tmp_path / "phone") as im:
        await im.synced()
        if not online:
            server.offline()
            await im.engine.state_bell.wait_until(lambda: im.state.phase is imsdk.Phase.WAITING)
        chat = await im.conversation(with_user="bob")
        right = store._database._transact

        def broken(*args: Any, **options: Any) -> Any:
            store._database._transact = right  # type: ignore[method-assign]

            def fails(con: sqlite3.Connection) -> None:
                raise sqlite3.OperationalError("disk I/O error")

            return right(fails)

        await chat.send(imsdk.File.from_bytes(b"x" * 1000, name="a.bin"))
        store._database._transact = broken  # type: ignore[method-assign]
        await trio.sleep(100)
        assert im.state.phase is imsdk.Phase.STOPPED
        assert "disk I/O error" in im.state.reason
        dials = im.statistics().dials
        await trio.sleep(100)
        assert im.statistics().dials == dials
