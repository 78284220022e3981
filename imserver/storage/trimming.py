"""Trimming logs, a little at a time, inside transactions of the caller's."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from imserver.storage.model import log_bytes

#: The first entry of those that the count lets stay that is not too old.
_YOUNG: Final = """
    SELECT l.position + coalesce(r.seq - l.seq, 0) FROM log l
    LEFT JOIN record r ON l.reader IS NULL AND r.conversation = l.conversation
        AND r.seq BETWEEN l.seq + max(0, ?3 + 1 - l.position) AND l.seq + min(l.count - 1, ?4 - l.position)
    WHERE l.user = ?1 AND coalesce(l.at_ms, r.at_ms) >= ?2 AND l.position + l.count > ?3 + 1
        AND l.position <= ?4
    ORDER BY l.position, r.seq LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Trim:
    """What `Store.trim_logs` is to trim, and how much of it in one transaction: appends wait for its end.

    Looking at a user's log takes 25 us also where nothing goes.
    """

    before_ms: int
    positions_kept_max: int
    rows_max: int
    users_max: int


def trim_logs(db: sqlite3.Connection, trim: Trim, first: int) -> tuple[int, int | None]:
    """Trim the logs of users from `first` on. Returns as `Writer.trim_logs`."""
    before_ms, rows_max = trim.before_ms, trim.rows_max
    dropped = looked = 0
    user = first
    while True:
        (user,) = db.execute("SELECT min(user) FROM log WHERE user >= ?", (user,)).fetchone()
        if user is None or dropped >= rows_max or looked >= trim.users_max:
            return dropped, user
        looked += 1
        oldest, head = db.execute(
            "SELECT (SELECT min(position) FROM log WHERE user = ?1),"
            " (SELECT position + count - 1 FROM log WHERE user = ?1 ORDER BY position DESC LIMIT 1)",
            (user,),
        ).fetchone()
        # One huge log must not make one huge transaction.
        most = min(head, oldest - 1 + rows_max - dropped)
        surplus = head - trim.positions_kept_max
        (young,) = db.execute(_YOUNG, (user, before_ms, surplus, most)).fetchone() or (most + 1,)
        floor = min(most, max(young - 1, surplus))
        if floor >= oldest:
            _trim_log(db, user, floor)
            dropped += floor - oldest + 1
        # Where the rows ran out there may be more of the same user.
        user += dropped < rows_max


def _trim_log(db: sqlite3.Connection, user: int, floor: int) -> None:
    """Drop the positions up to `floor`, which is one of them; the run that it cuts keeps its rest."""
    # Within a run no sum is kept. One that is less by the least that an entry counts still rises.
    db.execute(
        "INSERT OR REPLACE INTO log_floor"
        " SELECT user, ?2, bytes_total - ?3 * (position + count - 1 - ?2) FROM log"
        " WHERE user = ?1 AND position <= ?2 ORDER BY position DESC LIMIT 1",
        (user, floor, log_bytes(b"") + 1),
    )
    db.execute(
        "UPDATE log SET position = ?2 + 1, seq = seq + (?2 + 1 - position),"
        " count = count - (?2 + 1 - position)"
        " WHERE user = ?1 AND position <= ?2 AND position + count > ?2 + 1",
        (user, floor),
    )
    db.execute("DELETE FROM log WHERE user = ? AND position <= ?", (user, floor))
