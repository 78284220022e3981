"""The feed: one order for everything the app sees, each conversation's part by sequence number.

A record may come before its predecessors: the result of an own message overtakes the events of others, a
history page runs ahead of the log. Such a record is held back, without a position, until the range from the
last released number up to it is without a hole.
"""

import sqlite3

from improtocol import pack
from imsdk.store import spans
from imsdk.store.rows import GAP, GapReason


class Feed:
    """Gives out positions within one transaction. `close` writes the last one given."""

    __slots__ = ("_con", "_position", "_start")

    def __init__(self, con: sqlite3.Connection) -> None:
        self._con = con
        (self._position,) = con.execute("SELECT position FROM state").fetchone()
        self._start = self._position

    def add(self, chat: int, seq: int, kind: int, sender: str, at_ms: int, payload: bytes | None) -> None:
        """Append a row with the next position."""
        self._position += 1
        self._con.execute(
            "INSERT INTO feed (position, chat, seq, kind, sender, at_ms, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._position, chat, seq, kind, sender, at_ms, payload),
        )

    def hold(
        self, chat: int, seq: int, kind: int, sender: str, at_ms: int, payload: bytes | None, *, logged: bool
    ) -> None:
        """Keep a row for later; a second one under the same number is ignored.

        `logged`: it came by the log.
        """
        self._con.execute(
            "INSERT OR IGNORE INTO feed (chat, seq, kind, sender, at_ms, payload, logged)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (chat, seq, kind, sender, at_ms, payload, logged),
        )

    def release(self, chat: int, released: int) -> int:
        """Release what is held without a hole after `released`; returns how far the feed then is."""
        found = spans.range_around(self._con, chat, released + 1)
        if found is None:
            return released
        self.release_to(chat, found[1])
        return found[1]

    def release_to(self, chat: int, seq: int) -> None:
        """Release all held rows up to `seq`, in order."""
        held = self._con.execute(
            "SELECT id FROM feed WHERE chat = ? AND position IS NULL AND seq <= ? ORDER BY seq", (chat, seq)
        ).fetchall()
        for (row,) in held:
            self._position += 1
            self._con.execute("UPDATE feed SET position = ? WHERE id = ?", (self._position, row))

    def skip_holes(self, chat: int, released: int, reason: GapReason, upto: int) -> int:
        """Put a gap row in the place of each hole before a held row up to `upto`; returns how far it is."""
        while True:
            row = self._con.execute(
                "SELECT seq, at_ms FROM feed WHERE chat = ? AND position IS NULL ORDER BY seq LIMIT 1",
                (chat,),
            ).fetchone()
            if row is None or row[0] > upto:
                return released
            first_held, at_ms = row
            if first_held > released + 1:
                self.gap(chat, released + 1, first_held - 1, at_ms, reason)
            self.release_to(chat, first_held)  # whatever the spans say, or this would go on for ever
            released = self.release(chat, max(released, first_held))

    def skip_lost(self, chat: int, released: int) -> int:
        """Give up the holes of what this store has lost; returns how far the feed then is.

        The log is in order, so what is missing below a row that came by the log is this device's own, which
        the server does not echo. If no command of the chat is under way, this store has lost it.
        """
        (upto, under_way) = self._con.execute(
            "SELECT (SELECT max(seq) FROM feed WHERE chat = ?1 AND position IS NULL AND logged),"
            " EXISTS (SELECT 1 FROM outbox WHERE chat = ?1 AND counter IS NOT NULL)",
            (chat,),
        ).fetchone()
        if upto is None or under_way:
            return released
        return self.skip_holes(chat, released, GapReason.MISSING, upto)

    def gap(self, chat: int, first: int, last: int, at_ms: int, reason: GapReason) -> None:
        """Append a row that says: first to last are missing here."""
        self.add(chat, first, GAP, "", at_ms, pack([last, int(reason)]))

    def close(self) -> None:
        """Write the last position given."""
        if self._position != self._start:
            self._con.execute("UPDATE state SET position = ?", (self._position,))


def close_holes(con: sqlite3.Connection, mark: int) -> None:
    """Give up holes below rows that were held when a session was attached whose head is reached.

    `mark` is the newest row of that moment. Whatever the log had below such a row has come, so what is
    missing is lost.
    """
    chats = con.execute(
        "SELECT chat, max(seq), (SELECT released FROM chat WHERE key = feed.chat) FROM feed"
        " WHERE position IS NULL AND id <= ? AND chat NOT IN"
        " (SELECT chat FROM outbox WHERE counter IS NOT NULL) GROUP BY chat",
        (mark,),
    ).fetchall()
    feed = Feed(con)
    for chat, upto, released in chats:
        now = feed.skip_holes(chat, released, GapReason.MISSING, upto)
        con.execute("UPDATE chat SET released = ? WHERE key = ?", (now, chat))
    feed.close()
