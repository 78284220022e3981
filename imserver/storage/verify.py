"""Checks a data directory against everything the store promises. Read-only; works beside a live server."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from improtocol.entries import Kind
from improtocol.limits import COMMANDS_IN_FLIGHT_MAX
from imserver.storage import journal
from imserver.storage.digests import altered
from imserver.storage.folder import FolderError, require
from imserver.storage.model import NO_ENTRY
from imserver.storage.outcomes import unpack_outcomes
from imserver.storage.schema import MIGRATIONS, check_application, open_outside, schema_version
from imserver.storage.verify_checks import CHECKS

#: Findings listed per check: enough to see what is wrong, not a line for each of a million rows.
FINDINGS_PER_CHECK_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: in which table, at which keys, and what."""

    table: str
    keys: str
    wrong: str

    def __str__(self) -> str:
        return f"{self.table} ({self.keys}): {self.wrong}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was looked at, what waits in the journal included, and what is wrong with it."""

    epoch: int
    users: int
    conversations: int
    records: int
    log_entries: int
    blobs: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        return not self.findings


def verify(folder: Path, *, blob_fault: Callable[[bytes, int], str | None] | None = None) -> Report:
    """Check a data directory.

    Everything is read in one transaction, so that a live server's directory shows one state.

    Args:
        folder: the data directory.
        blob_fault: says what is wrong with the stored bytes of (SHA-256, size in bytes), or None. Without
            it only the entries are checked.

    Raises:
        FolderError: it is not ours to judge, of another schema, or not there.
    """
    path = require(folder)
    with closing(open_outside(path)) as db:
        findings: list[Finding] = []
        try:
            check_application(db, path, may_be_new=False)
            if schema_version(db) != len(MIGRATIONS):
                raise FolderError(
                    f"{path} has an older schema; start the server once, it brings it up to date"
                )
            db.execute("BEGIN")
            findings += _damage(db)
            if not findings:
                findings += [*_faults(db), *_stream_faults(db), *_journal_faults(db)]
                findings += [*_altered(db), *_blob_faults(db, blob_fault)]
        except sqlite3.DatabaseError as error:
            findings.append(Finding(table="(file)", keys=str(path), wrong=f"cannot be read: {error}"))
        return _report(db, findings)


def _damage(db: sqlite3.Connection) -> Iterator[Finding]:
    for (text,) in db.execute(f"PRAGMA integrity_check({FINDINGS_PER_CHECK_MAX})"):
        if text != "ok":
            yield Finding(table="(file)", keys="integrity_check", wrong=text)


def _faults(db: sqlite3.Connection) -> Iterator[Finding]:
    for check in CHECKS:
        cursor = db.execute(f"{check.sql} LIMIT {FINDINGS_PER_CHECK_MAX}")
        columns = [column[0] for column in cursor.description]
        for row in cursor:
            named = dict(zip(columns, row, strict=True))
            yield Finding(
                table=check.table, keys=check.keys.format(**named), wrong=check.wrong.format(**named)
            )


def _stream_faults(db: sqlite3.Connection) -> Iterator[Finding]:
    for device, accepted, ring in db.execute("SELECT id, accepted, outcomes FROM device"):
        try:
            outcomes = unpack_outcomes(accepted, ring)
        except ValueError as error:
            yield Finding(table="device", keys=f"id {device}", wrong=f"outcomes: {error}")
            continue
        expected = min(accepted, COMMANDS_IN_FLIGHT_MAX)
        if len(outcomes) != expected:
            wrong = f"outcomes: {len(outcomes)} are kept of the last {expected} commands"
            yield Finding(table="device", keys=f"id {device}", wrong=wrong)


def _journal_faults(db: sqlite3.Connection) -> Iterator[Finding]:
    """What stands in the way of making the tables say what the journal says."""
    accepted: dict[int, int] = dict(db.execute("SELECT id, accepted FROM device"))
    conversations = {id_ for (id_,) in db.execute("SELECT id FROM conversation")}
    for row, writes in journal.rows(db):
        if writes is None:
            yield Finding(table="journal", keys=f"id {row}", wrong="it is no batch of writes")
            return
        for write in writes:
            if write.kind != NO_ENTRY and write.conversation not in conversations:
                wrong = f"there is no conversation {write.conversation}"
                yield Finding(table="journal", keys=f"id {row}", wrong=wrong)
            if write.device and write.counter != accepted.get(write.device, -1) + 1:
                wrong = f"device {write.device}: counter {write.counter} after {accepted.get(write.device)}"
                yield Finding(table="journal", keys=f"id {row}", wrong=wrong)
            accepted[write.device] = write.counter


def _altered(db: sqlite3.Connection) -> Iterator[Finding]:
    for conversation, seq in islice(altered(db), FINDINGS_PER_CHECK_MAX):
        wrong = "it does not say any more what was written: its digest differs"
        yield Finding(table="record", keys=f"conversation {conversation}, seq {seq}", wrong=wrong)


def _blob_faults(
    db: sqlite3.Connection, blob_fault: Callable[[bytes, int], str | None] | None
) -> Iterator[Finding]:
    if blob_fault is None:
        return
    for sha256, size_bytes in db.execute("SELECT DISTINCT sha256, size_bytes FROM blob"):
        wrong = blob_fault(sha256, size_bytes)
        if wrong is not None:
            yield Finding(table="blob", keys=f"sha256 {sha256.hex()}", wrong=wrong)


def _report(db: sqlite3.Connection, findings: list[Finding]) -> Report:
    def count(sql: str) -> int:
        try:
            row: tuple[Any, ...] = db.execute(sql).fetchone()
        except sqlite3.DatabaseError:
            return 0  # damaged, and reported as such
        return int(row[0])

    waiting = [write for _, writes in journal.rows(db) for write in writes or ()] if not findings else []
    return Report(
        epoch=count("SELECT value FROM meta WHERE key = 'epoch'"),
        users=count("SELECT count(*) FROM user"),
        conversations=count("SELECT count(*) FROM conversation"),
        records=count("SELECT count(*) FROM record") + sum(write.kind == Kind.MESSAGE for write in waiting),
        log_entries=count("SELECT coalesce(sum(count), 0) FROM log")
        + sum(len(write.recipients) for write in waiting),
        blobs=count("SELECT count(*) FROM blob"),
        findings=tuple(findings),
    )
