"""What comes after a power cut or a SIGKILL: the server starts again, goes on, and the power goes (again).

Also the change to a newer schema, which must leave the old version or the new one, whole.
"""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

import trio

from imserver.sim.disks import Durable, Recorder, draw_cut
from imserver.sim.disks.connection import Connect
from imserver.sim.disks.operations import Sync
from imserver.storage import schema, verify
from imserver.storage.driver import InlineDriver
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.schema import read_epoch
from imserver.storage.sqlite import SqliteStore
from tests.crash.cutting import Tally, cut_all, fresh
from tests.crash.promises import Promise, Promises, settled_digest
from tests.crash.server_check import check
from tests.crash.server_runs import live, recorded
from tests.crash.server_work import ServerWork

#: A second version as a later release might bring it: a table made of another, an index, a rewriting of rows.
NEWER = (
    "CREATE TABLE seen (conversation INTEGER, seq INTEGER, author INTEGER, PRIMARY KEY (conversation, seq))",
    "INSERT INTO seen SELECT conversation, seq, author FROM record",
    "CREATE INDEX record_author ON record (author)",
    "UPDATE log SET bytes_total = bytes_total + 0",
)


@contextmanager
def newer_schema() -> Iterator[None]:
    """The program knows a version more."""
    newer = (*schema.MIGRATIONS, NEWER)
    # `migrate` got its default from the real ones when it was defined.
    with (
        patch.object(schema, "MIGRATIONS", newer),
        patch.object(verify, "MIGRATIONS", newer),
        patch.object(schema.migrate, "__defaults__", (len(newer),)),
    ):
        yield


async def go_on(root: Path, connect: Connect, work: ServerWork, promises: Promises, calls: int) -> None:
    """Start on what is there, and make some calls. What the start shows is promised from then on."""

    async def start() -> InlineDriver:
        return InlineDriver(root / DATABASE_NAME, connect)

    shown = promises.made[-1]
    driver = await promises.note(start, lambda: b"", [])
    promises.made[-1].state = settled_digest(driver.writer.db)
    shown.kept = promises.made[-1].kept if shown.kept is None else shown.kept
    work.go_on_with(SqliteStore(driver, await driver.read(read_epoch)), promises)
    for _ in range(calls):
        await work.step()
    end = promises.recorder.position
    driver.close()
    del promises.recorder.log[end:]


def after_power_cut(rng: random.Random, recorder: Recorder, before: Promises, root: Path) -> Promises:
    """A second life on a disk as it is after a cut at the end of the first."""
    durable = Durable(rng, recorder.names, recorder.files)
    durable.play(recorder.log)
    durable.image(rng, draw_cut(rng)).put(root)
    promises = Promises(Recorder(root))
    # Everything the first run promised holds from the beginning of the second.
    facts = [fact for promise in before.made for fact in promise.facts]
    promises.made.append(Promise(begun=0, kept=0, state=before.made[-1].state, facts=facts))
    return promises


def after_kill(rng: random.Random, recorder: Recorder, before: Promises, root: Path) -> Promises | None:
    """A second life of a process that was killed when its last call had written all and not synced it.

    None: there was no such moment in it.
    """
    *earlier, last = before.made
    syncs = [at for at, operation in enumerate(recorder.log) if isinstance(operation, Sync)]
    at = max((at for at in syncs if last.begun <= at < (last.kept or 0)), default=0)
    if not at:
        return None
    durable = Durable(rng, recorder.names, recorder.files)
    durable.play(recorder.log[:at])
    looked_at = durable.hand_over(fresh(root / "look")).root
    with closing(sqlite3.connect(looked_at / DATABASE_NAME)) as db:
        whole = settled_digest(db) == last.state
    if not whole:
        return None
    promises = Promises(durable.hand_over(fresh(root)))
    facts = [fact for promise in earlier for fact in promise.facts]
    promises.made.append(Promise(begun=0, kept=0, state=earlier[-1].state, facts=facts))
    # Whether it is there is for the start to say, and whoever asks then may act on it.
    promises.made.append(Promise(begun=0, state=last.state, facts=last.facts))
    return promises


def run(seed: str, *, images: int, scratch: Path, only: int | None = None, full_disk: bool = True) -> Tally:
    """A run and its end, a start (half of them with a newer schema), some calls, and cuts.

    Raises:
        Violation: an image breaks a promise.
    """
    rng = random.Random(seed)
    with recorded(fresh(scratch / "run")) as (recorder, connect):
        before = Promises(recorder)
        work = ServerWork(rng, before, lambda _: None)
        trio.run(live, recorder.root, connect, work, before, rng)
    second = scratch / "again"
    promises = after_kill(rng, recorder, before, fresh(second)) if rng.random() < 0.5 else None
    promises = promises or after_power_cut(rng, recorder, before, fresh(second))
    tally = Tally()
    with newer_schema() if rng.random() < 0.5 else nullcontext():
        with recorded(promises.recorder) as (again, connect):
            trio.run(go_on, second, connect, work, promises, rng.randrange(3, 12))

        def checked(folder: Path, position: int, cut_rng: random.Random) -> None:
            index = check(folder, promises, position, cut_rng)
            tally.note(index, *promises.at(position))

        tally.add(cut_all(again, checked, seed=seed, images=images, scratch=scratch / "image", only=only))
    return tally
