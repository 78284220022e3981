"""What a killed process has written and not synced is made durable before a start acts on it (G1, G6).

A start finds it in the kernel's memory, shows it and answers for it; then the power goes.
"""

import hashlib
import random
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
import trio

from imsdk.store.sqlite import FILE_NAME
from imsdk.store.sqlite import SqliteStore as ClientStore
from imserver.media.disk import DiskBlobStore
from imserver.media.testing import meta
from imserver.media.workers import InlineWorkers
from imserver.sim.disks import Cut, Durable, Recorder
from imserver.sim.disks.connection import Connect
from imserver.sim.disks.operations import Sync, SyncFolder
from imserver.storage.driver import InlineDriver
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.sqlite import SqliteStore
from tests.crash.cutting import fresh
from tests.crash.recorded_os import recorded_os
from tests.crash.server_runs import recorded

#: A start, and something of this name committed. Returns what closes it: a killed process does not.
Life = Callable[[Path, Connect, str], Callable[[], None]]

Call = Callable[[DiskBlobStore], Awaitable[None]]


def server(folder: Path, connect: Connect, name: str) -> Callable[[], None]:
    """An app."""

    driver = InlineDriver(folder / DATABASE_NAME, connect)

    async def live() -> None:
        if name:
            await SqliteStore(driver, 7).put_app(name, now_ms=1, media_bytes_max=1)

    trio.run(live)
    return driver.close


def client(folder: Path, connect: Connect, name: str) -> Callable[[], None]:
    """A heartbeat."""

    store = ClientStore(folder, inline=True, connect=connect)

    async def live() -> None:
        await store.open("phone")
        if name:
            await store.save_heartbeat(name)

    trio.run(live)
    return lambda: trio.run(store.close)


@pytest.mark.parametrize(
    ("life", "file", "question"),
    [
        (server, DATABASE_NAME, "SELECT name FROM app"),
        (client, FILE_NAME, "SELECT heartbeat FROM state"),
    ],
)
def test_what_a_start_finds_unsynced_survives_a_power_cut_after_it(
    life: Life, file: str, question: str, ram: Path
) -> None:
    rng = random.Random(1)
    with recorded(fresh(ram / "first")) as (recorder, connect):
        close = life(recorder.root, connect, "shop")
        killed_at = max(at for at, operation in enumerate(recorder.log) if isinstance(operation, Sync))
        killed = Durable(rng, recorder.names, recorder.files)
        killed.play(recorder.log[:killed_at])
        close()
    nothing_kept = Cut(kept=0.0, torn=0.0)

    def found(durable: Durable) -> list[str]:
        durable.image(rng, nothing_kept).put(fresh(ram / "image"))
        with closing(sqlite3.connect(ram / "image" / file)) as db:
            return [name for (name,) in db.execute(question)]

    assert "shop" not in found(killed), "it was not synced"
    with recorded(killed.hand_over(fresh(ram / "second"))) as (again, connect):
        close = life(again.root, connect, "")
        restarted = Durable(rng, again.names, again.files, again.pending)
        restarted.play(again.log)
        close()
    assert found(restarted) == ["shop"]


CONTENT = b"a picture"


async def publish(blobs: DiskBlobStore) -> None:
    """Upload a picture, or go on with that."""
    staged = await blobs.stage("0" * 32, meta(len(CONTENT)))
    if not staged.ended:
        await blobs.append("0" * 32, staged.offset_bytes, CONTENT[staged.offset_bytes :])
    await blobs.publish("0" * 32)


async def delete(blobs: DiskBlobStore) -> None:
    await blobs.delete(hashlib.sha256(CONTENT).digest())


@pytest.mark.parametrize(("before", "call", "there"), [(None, publish, True), (publish, delete, False)])
def test_a_repeated_media_call_is_durable_where_a_killed_process_had_done_it_unsynced(
    before: Call | None, call: Call, there: bool, ram: Path
) -> None:
    rng = random.Random(1)

    def live(recorder: Recorder, *calls: Call) -> None:
        async def make() -> None:
            blobs = DiskBlobStore(recorder.root / "media", workers=InlineWorkers())
            for one in calls:
                await one(blobs)

        with recorded_os(recorder):
            trio.run(make)

    first = Recorder(fresh(ram / "first"))
    live(first, *([before] if before else []), call)
    killed_at = max(at for at, operation in enumerate(first.log) if isinstance(operation, SyncFolder))
    killed = Durable(rng, first.names, first.files)
    killed.play(first.log[:killed_at])
    second = killed.hand_over(fresh(ram / "second"))
    live(second, call)
    restarted = Durable(rng, second.names, second.files, second.pending)
    restarted.play(second.log)
    kept = restarted.image(rng, Cut(kept=0.0, torn=0.0)).files
    name = hashlib.sha256(CONTENT).hexdigest()
    assert (f"media/blobs/{name[:2]}/{name[2:]}" in kept) is there
