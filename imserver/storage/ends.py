"""Where streams of commands, conversations and logs end in the tables: what the appender goes on from."""

import sqlite3

from imserver.storage.model import StoreBroken


class Stream:
    """A device's command stream in the writer's cache; its ring is cut when it is written."""

    __slots__ = ("accepted", "ring")

    def __init__(self, accepted: int, ring: bytes) -> None:
        self.accepted = accepted
        self.ring = bytearray(ring)


class Run:
    """The end of a user's log: `count` positions from `position` on, with the records of one conversation.

    What is posted next in that conversation makes the run longer, which writes one row however much it is.
    `conversation` 0: it cannot grow (a read mark, a row of an older version, an empty log).
    """

    __slots__ = ("changed", "conversation", "count", "position", "seq", "total", "user")

    def __init__(self, user: int, position: int, conversation: int, seq: int, total: int, count: int) -> None:
        self.user = user
        self.position = position
        self.conversation = conversation
        self.seq = seq
        self.total = total
        self.count = count
        self.changed = False


def load_stream(db: sqlite3.Connection, device: int) -> Stream:
    """The command stream of a device. Raises `StoreBroken` when there is no such device."""
    row = db.execute("SELECT accepted, outcomes FROM device WHERE id = ?", (device,)).fetchone()
    if row is None:
        raise StoreBroken(f"a write of device {device}, which is unknown")
    return Stream(*row)


def load_run(db: sqlite3.Connection, user: int) -> Run:
    """The last run of a log; of an empty one, or one trimmed to nothing, what a first run follows."""
    row = db.execute(
        "SELECT position, conversation, seq, bytes_total, count, device, reader FROM log"
        " WHERE user = ? ORDER BY position DESC LIMIT 1",
        (user,),
    ).fetchone()
    if row is None:
        head, _, total = log_head(db, user)
        return Run(user, head, 0, 0, total, 1)
    position, conversation, seq, total, count, device, reader = row
    grows = reader is None and not device
    return Run(user, position, conversation if grows else 0, seq, total, count)


def conversation_head(db: sqlite3.Connection, conversation: int) -> int | None:
    """The last sequence number, None when there is no such conversation."""
    row = db.execute(
        "SELECT (SELECT coalesce(max(seq), 0) FROM record WHERE conversation = id)"
        " FROM conversation WHERE id = ?",
        (conversation,),
    ).fetchone()
    return int(row[0]) if row is not None else None


def log_head(db: sqlite3.Connection, user: int) -> tuple[int, int, int]:
    """Head, oldest and bytes_total of a log."""
    floor, floor_bytes = db.execute(
        "SELECT position, bytes_total FROM log_floor WHERE user = ?", (user,)
    ).fetchone() or (0, 0)
    head, total = db.execute(
        "SELECT position + count - 1, bytes_total FROM log WHERE user = ? ORDER BY position DESC LIMIT 1",
        (user,),
    ).fetchone() or (floor, floor_bytes)
    return head, floor + 1, total
