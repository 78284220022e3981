"""Disks that lie about syncs or hand back other bits: what is found, by whom, and what is not.

Neither can be survived by a store on one disk, so these runs do not hold promises; they count who notices.
"""

import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import trio

from imserver.sim.disks import Durable, Fault, draw_cut
from imserver.storage.folder import DATABASE_NAME, FolderError
from imserver.storage.model import StoreBroken
from imserver.storage.schema import open_writer
from imserver.storage.verify import verify
from tests.crash.cutting import fresh
from tests.crash.promises import Promises, settled_digest
from tests.crash.server_runs import live, recorded
from tests.crash.server_work import ServerWork

ALL_THERE = "everything acked is there"
REFUSED = "the start refuses it (typed error)"
VERIFY = "`verify` finds it"
CLIENTS = "an earlier state, whole; a client knows of a later counter"
UNSEEN = "an earlier state, whole; no client was told of a later counter"
MIXED_CLIENTS = "pages of several states; a client knows of a later counter"
MIXED = "pages of several states, or changed bytes; nobody notices"


def lying_run(seed: str, images: int, scratch: Path) -> Counter[str]:
    """A run whose disk stops syncing at some point but says it does, and who notices after the cut."""
    rng = random.Random(seed)
    with recorded(fresh(scratch / "run")) as (recorder, connect):
        promises = Promises(recorder)
        work = ServerWork(rng, promises, lambda _: None)
        honest = rng.randrange(100, 400)

        def lies(call: str, _path: Path) -> Fault | None:
            return Fault.LIE if call == "sync" and recorder.position > honest else None

        recorder.faults = lies
        trio.run(live, recorder.root, connect, work, promises, rng)
    found: Counter[str] = Counter()
    durable = Durable(rng, recorder.names, recorder.files)
    durable.play(recorder.log)
    for _ in range(images):
        durable.image(rng, draw_cut(rng)).put(fresh(scratch / "image"))
        found[judge(scratch / "image", promises)] += 1
    return found


def flipped_run(seed: str, images: int, scratch: Path) -> Counter[str]:
    """A run on an honest disk, one bit of whose files is another when they are read again."""
    rng = random.Random(seed)
    with recorded(fresh(scratch / "run")) as (recorder, connect):
        promises = Promises(recorder)
        work = ServerWork(rng, promises, lambda _: None)
        trio.run(live, recorder.root, connect, work, promises, rng)
    found: Counter[str] = Counter()
    durable = Durable(rng, recorder.names, recorder.files)
    durable.play(recorder.log)
    for _ in range(images):
        image = durable.image(rng, draw_cut(rng))
        name = rng.choice([name for name, data in image.files.items() if data])
        data = bytearray(image.files[name])
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        image.files[name] = bytes(data)
        image.put(fresh(scratch / "image"))
        what = "WAL" if name.endswith("-wal") else "database"
        found[f"{what}: {judge(scratch / 'image', promises)}"] += 1
    return found


def judge(folder: Path, promises: Promises) -> str:
    """What the start, `verify` and the clients say of an image."""
    path = folder / DATABASE_NAME
    try:
        with closing(open_writer(path)) as db:
            state = settled_digest(db)
            accepted = dict(db.execute("SELECT id, accepted FROM device"))
        sound = verify(folder).sound
    except (StoreBroken, FolderError):
        return REFUSED
    except sqlite3.DatabaseError:
        # What a read of the store turns into `StoreBroken`.
        return REFUSED
    if not sound:
        return VERIFY
    kept = [promise for promise in promises.made if promise.kept is not None]
    states = [promise.state for promise in kept]
    # A device that was told of a counter which the store does not know resumes as after a restored backup.
    noticed = any(
        fact[0] == "counter" and fact[2] > accepted.get(fact[1], 0)
        for promise in kept
        for fact in promise.facts
    )
    if state not in states:
        return MIXED_CLIENTS if noticed else MIXED
    if state == states[-1]:
        return ALL_THERE
    return CLIENTS if noticed else UNSEEN
