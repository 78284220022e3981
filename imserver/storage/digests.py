"""Digests of records in the database: computed for old rows, summed over logs, kept when one is erased."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from improtocol.digest import DIGEST_MAX, record_digest, term_of
from improtocol.entries import Kind
from imserver.storage.erasing import erased_payload, is_erased

_RECORD: Final = """
    SELECT r.seq, r.kind, r.at_ms, coalesce(u.name, ''), r.payload, r.target, r.digest
    FROM record r {} LEFT JOIN user u ON u.id = r.author WHERE r.conversation = ?1 AND {}"""
_MESSAGE: Final = _RECORD.format("", "r.seq = ?2")
_NEXT_EDIT: Final = _RECORD.format(
    "INDEXED BY record_change",
    "r.target = ?2 AND r.target != 0 AND r.kind = ?3 AND r.seq > ?4 ORDER BY r.seq LIMIT 1",
)

_LOG: Final = """
    SELECT r.seq, r.digest, r.kind, r.at_ms, coalesce(u.name, ''), r.conversation, r.payload
    FROM log l JOIN record r ON r.conversation = l.conversation
        AND r.seq BETWEEN l.seq + max(0, ?2 + 1 - l.position) AND l.seq + min(l.count - 1, ?3 - l.position)
    LEFT JOIN user u ON u.id = r.author AND r.digest IS NULL
    WHERE l.user = ?1 AND l.position <= ?3 AND l.reader IS NULL
        AND l.position >= coalesce((SELECT max(position) FROM log WHERE user = ?1 AND position <= ?2 + 1), 0)
        AND (r.kind = ?5 OR NOT (l.device = ?4 OR l.device = 0 AND r.author = ?1 AND r.device = ?4))"""

_WRITTEN: Final = """
    SELECT r.conversation, r.seq, r.kind, r.at_ms, coalesce(u.name, ''), r.payload, r.digest
    FROM record r LEFT JOIN user u ON u.id = r.author
    WHERE r.digest IS NOT NULL AND (r.author = 0 OR u.id IS NOT NULL)"""


def erase(db: sqlite3.Connection, conversation: int, target: int) -> None:
    """Overwrite the payloads of message `target` and its edits; what they were, their digests still say."""
    row = db.execute(_MESSAGE, (conversation, target)).fetchone()
    while row is not None:
        _erase_one(db, conversation, row)
        # One after the other: there may be more edits than fit into memory.
        row = db.execute(_NEXT_EDIT, (conversation, target, Kind.EDITED, row[0])).fetchone()


def _erase_one(db: sqlite3.Connection, conversation: int, row: tuple[Any, ...]) -> None:
    seq, kind, at_ms, sender, payload, of, digest = row
    erased = erased_payload(kind, of)
    if erased is None:
        return
    if digest is None and payload != erased:
        digest = record_digest(kind, at_ms, sender, conversation, payload)
    place = (conversation, seq)
    db.execute(
        "UPDATE record SET payload = ?, digest = ? WHERE conversation = ? AND seq = ?",
        (erased, digest, *place),
    )
    db.execute("DELETE FROM media WHERE conversation = ? AND seq = ?", place)


def log_sums(db: sqlite3.Connection, ranges: Iterable[tuple[int, int, int, int]]) -> list[int]:
    """See `Store.log_sums`."""
    return [
        sum_terms(db.execute(_LOG, (user, after, to, device, Kind.CREATED)))
        for user, device, after, to in ranges
    ]


def sum_terms(rows: Iterable[Sequence[object]]) -> int:
    """The sum of the terms of records.

    Each is (seq, digest or None, kind, time, sender, conversation, payload).
    """
    total = 0
    for seq, digest, *facts in rows:
        total += term_of(record_digest(*facts) if digest is None else digest, seq)  # type: ignore[arg-type]
    return total & DIGEST_MAX


def altered(db: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """(conversation, seq) of every record that is not erased and does not say any more what was written."""
    for conversation, seq, kind, at_ms, sender, payload, digest in db.execute(_WRITTEN):
        if is_erased(kind, payload):
            continue
        if record_digest(kind, at_ms, sender, conversation, payload) != digest:
            yield conversation, seq
