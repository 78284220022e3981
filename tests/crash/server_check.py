"""What every image of the server's data directory must be after a power cut."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from improtocol.entries import ERASED_PAYLOAD, Kind
from imserver.storage.erasing import erased_payload
from imserver.storage.folder import DATABASE_NAME, FolderError
from imserver.storage.outcomes import unpack_outcomes
from imserver.storage.schema import open_writer
from imserver.storage.verify import verify
from imserver.storage.writing import Writer
from tests.crash.promises import Promise, Promises, Violation, digest, settled


def check(folder: Path, promises: Promises, position: int, rng: random.Random) -> int:
    """Open the image with the plain library and hold it to all promises; returns the call it is as after.

    Raises:
        Violation: a promise is broken.
    """
    path = folder / DATABASE_NAME
    kept, _ = promises.at(position)
    if kept == 0:
        # The store was being made: nothing was promised but that a start is possible.
        with closing(open_writer(path)) as db:
            db.execute("SELECT count(*) FROM record").fetchone()
        sound(folder)
        return -1
    if not path.exists():
        raise Violation("the database is gone")
    if rng.random() < 0.2:
        Writer(open_writer(path)).close()  # the start of the server itself, with its quick check
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as found, closing(settled(found)) as db:
            index = promises.check_state(digest(db), position)
            check_facts(db, promises.made[:kept], promises.made[: index + 1])
            sound(folder)
    except sqlite3.DatabaseError as error:
        raise Violation(f"SQLite cannot read it: {error}") from error
    return index


def sound(folder: Path) -> None:
    """`imserver verify` has nothing to say.

    Raises:
        Violation: it has.
    """
    try:
        report = verify(folder)
    except FolderError:
        # The program is newer than the image: it brings it up to date at its start.
        open_writer(folder / DATABASE_NAME).close()
        report = verify(folder)
    if not report.sound:
        raise Violation(f"verify: {report.findings[0]}")


def check_facts(db: sqlite3.Connection, kept: list[Promise], begun: list[Promise]) -> None:
    """Every acked record is there to the byte, every acked counter accepted with its outcome (G1, G2)."""
    records: dict[tuple[int, int], tuple[int, int, bytes]] = {
        (conversation, seq): (kind, target, payload)
        for conversation, seq, kind, target, payload in db.execute(
            "SELECT conversation, seq, kind, target, payload FROM record"
        )
    }
    recalled = {
        (fact[1], fact[4])
        for promise in begun
        for fact in promise.facts
        if fact[0] == "record" and fact[3] == Kind.RECALLED
    }
    rings = {
        device: {o.counter: (o.digest, o.code) for o in unpack_outcomes(accepted, ring)} | {-1: (accepted, 0)}
        for device, accepted, ring in db.execute("SELECT id, accepted, outcomes FROM device")
    }
    for promise in kept:
        for fact in promise.facts:
            if fact[0] == "record":
                _check_record(records, recalled, fact)
            else:
                _check_counter(rings, fact)


def _check_record(
    records: dict[tuple[int, int], tuple[int, int, bytes]], recalled: set[tuple[int, int]], fact: Any
) -> None:
    _, conversation, seq, kind, target, payload = fact
    found = records.get((conversation, seq))
    erased = erased_payload(kind, target)
    allowed = {payload}
    if erased is not None and ({(conversation, seq), (conversation, target)} & recalled):
        allowed.add(erased)
        allowed.add(ERASED_PAYLOAD)
    if found is None or found[:2] != (kind, target) or found[2] not in allowed:
        raise Violation(f"record {seq} of conversation {conversation} was acked and is {found}")


def _check_counter(rings: dict[int, dict[int, tuple[int, int]]], fact: Any) -> None:
    _, device, counter, digest_, code = fact
    ring = rings.get(device, {-1: (0, 0)})
    accepted = ring[-1][0]
    if accepted < counter:
        raise Violation(f"device {device}: counter {counter} was acked, accepted is {accepted}")
    if counter in ring and ring[counter] != (digest_, code):
        raise Violation(f"device {device}: counter {counter} has the outcome {ring[counter]}")
