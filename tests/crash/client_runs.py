"""One run of the SDK's store on a recorded disk, and the checking of its images."""

import random
from functools import partial
from pathlib import Path
from typing import Any, cast

import trio

from imsdk.store.sqlite import SqliteStore
from imserver.sim.disks.connection import Connect
from tests.crash.client_check import check
from tests.crash.client_work import ClientWork
from tests.crash.cutting import Tally, cut_all, fresh
from tests.crash.promises import Promises, digest
from tests.crash.server_runs import FullOnce, recorded


async def live(
    root: Path, connect: Connect, work: ClientWork, promises: Promises, rng: random.Random
) -> None:
    """Some 60 calls, with a clean restart or two in between, and mostly no proper end."""
    store: SqliteStore | None = None
    for restart in range(rng.randrange(1, 4)):
        if store is not None:
            await store.close()
        store = SqliteStore(root, inline=True, connect=connect)
        opened = partial(store.open, "phone")
        database = cast(Any, store)._database
        if restart:
            await opened()
        else:
            await promises.note(opened, partial(_state, database), [])
        # SQLite's own checkpoints, every 1,000 pages, would hardly come in so short a life.
        database._connection.execute(f"PRAGMA wal_autocheckpoint = {rng.choice((5, 20, 60))}")
        work.attach(store)
        if not restart:
            await work.begin()
        for _ in range(rng.randrange(10, 50)):
            await work.step()
    assert store is not None
    end = promises.recorder.position
    await store.close()
    if rng.random() < 0.7:
        # A killed process closes nothing: what closing wrote did not happen.
        del promises.recorder.log[end:]


def _state(database: Any) -> bytes:
    return digest(database._connection)


def run(seed: str, *, images: int, scratch: Path, only: int | None = None, full_disk: bool = True) -> Tally:
    """Record one run and cut its power `images` times.

    Raises:
        Violation: an image breaks a promise.
    """
    rng = random.Random(seed)
    with recorded(fresh(scratch / "run")) as (recorder, connect):
        promises = Promises(recorder)
        full = FullOnce(random.Random(f"{seed}/full"))
        if full_disk:
            recorder.faults = full
        work = ClientWork(rng, promises, full.soon)
        trio.run(live, recorder.root, connect, work, promises, rng)
    tally = Tally()

    def checked(folder: Path, position: int, _rng: random.Random) -> None:
        index = trio.run(check, folder, promises, work, position)
        kept, begun = promises.at(position)
        tally.note(index, kept, begun)

    tally.add(cut_all(recorder, checked, seed=seed, images=images, scratch=scratch / "image", only=only))
    return tally
