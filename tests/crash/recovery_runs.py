"""What comes after a power cut: the server starts on the image, goes on, and the power goes again.

Also the change to a newer schema, which must leave the old version or the new one, whole.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

import trio

from imserver.sim.disks import Durable, draw_cut
from imserver.sim.disks.connection import Connect
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
    """Start on what is there, and make some calls."""

    async def start() -> InlineDriver:
        return InlineDriver(root / DATABASE_NAME, connect)

    driver = await promises.note(start, lambda: b"", [])
    promises.made[-1].state = settled_digest(driver.writer.db)
    work.go_on_with(SqliteStore(driver, await driver.read(read_epoch)), promises)
    for _ in range(calls):
        await work.step()
    end = promises.recorder.position
    driver.close()
    del promises.recorder.log[end:]


def run(seed: str, *, images: int, scratch: Path, only: int | None = None, full_disk: bool = True) -> Tally:
    """A run, a cut at its end, a start (half of them with a newer schema), some calls, and cuts again.

    Raises:
        Violation: an image breaks a promise.
    """
    rng = random.Random(seed)
    with recorded(fresh(scratch / "run")) as (recorder, connect):
        before = Promises(recorder)
        work = ServerWork(rng, before, lambda _: None)
        trio.run(live, recorder.root, connect, work, before, rng)
    durable = Durable(rng, recorder.names, recorder.files)
    durable.play(recorder.log)
    second = fresh(scratch / "again")
    durable.image(rng, draw_cut(rng)).put(second)
    tally = Tally()
    with newer_schema() if rng.random() < 0.5 else nullcontext():
        with recorded(second) as (again, connect):
            promises = Promises(again)
            # Everything the first run promised holds from the beginning of the second.
            facts = [fact for promise in before.made for fact in promise.facts]
            promises.made.append(Promise(begun=0, kept=0, state=before.made[-1].state, facts=facts))
            trio.run(go_on, second, connect, work, promises, rng.randrange(3, 12))

        def checked(folder: Path, position: int, cut_rng: random.Random) -> None:
            index = check(folder, promises, position, cut_rng)
            tally.note(index, *promises.at(position))

        tally.add(cut_all(again, checked, seed=seed, images=images, scratch=scratch / "image", only=only))
    return tally
