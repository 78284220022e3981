"""How many messages of others lie after one's own read mark."""

import sqlite3


def count(con: sqlite3.Connection, user: str, chat: int, after: int, upto: int) -> int:
    """Messages of others here in (after, upto]; what was recalled does not count."""
    (found,) = con.execute(
        "SELECT count(*) FROM message WHERE chat = ? AND seq > ? AND seq <= ? AND recall_seq = 0"
        " AND sender NOT IN ('', ?)",
        (chat, after, upto, user),
    ).fetchone()
    return int(found)


def recount(con: sqlite3.Connection, user: str, chat: int) -> None:
    """Count what is unread, if everything after the own mark is here; else the server's word stands."""
    row = con.execute(
        "SELECT c.read, c.base, c.first, s.first, s.last FROM chat AS c JOIN span AS s ON s.chat = c.key"
        " WHERE c.key = ? ORDER BY s.first DESC LIMIT 1",
        (chat,),
    ).fetchone()
    if row is None:
        return
    read, base, lowest, first, last = row
    if last >= base and first <= max(read + 1, lowest):
        unread = count(con, user, chat, read, last)
        con.execute("UPDATE chat SET unread = ? WHERE key = ?", (unread, chat))
