"""Which sequence numbers of a chat are here: disjoint ranges, merged as they grow."""

import sqlite3


def has(con: sqlite3.Connection, chat: int, seq: int) -> bool:
    """Is `seq` covered?"""
    row = con.execute(
        "SELECT last FROM span WHERE chat = ? AND first <= ? ORDER BY first DESC LIMIT 1", (chat, seq)
    ).fetchone()
    return row is not None and row[0] >= seq


def range_around(con: sqlite3.Connection, chat: int, seq: int) -> tuple[int, int] | None:
    """The range that holds `seq`, or None."""
    row = con.execute(
        "SELECT first, last FROM span WHERE chat = ? AND first <= ? ORDER BY first DESC LIMIT 1", (chat, seq)
    ).fetchone()
    return None if row is None or row[1] < seq else (row[0], row[1])


def cover(con: sqlite3.Connection, chat: int, first: int, last: int) -> None:
    """Add [first, last], merging with every range it overlaps or touches."""
    touching = con.execute(
        "SELECT first, last FROM span WHERE chat = ? AND first <= ? AND last >= ?",
        (chat, last + 1, first - 1),
    ).fetchall()
    if touching:
        first = min(first, *(row[0] for row in touching))
        last = max(last, *(row[1] for row in touching))
        con.execute("DELETE FROM span WHERE chat = ? AND first >= ? AND first <= ?", (chat, first, last))
    con.execute("INSERT INTO span (chat, first, last) VALUES (?, ?, ?)", (chat, first, last))


def forget_below(con: sqlite3.Connection, chat: int, seq: int) -> None:
    """Nothing below `seq` is covered any more."""
    con.execute("DELETE FROM span WHERE chat = ? AND last < ?", (chat, seq))
    con.execute("UPDATE span SET first = ? WHERE chat = ? AND first < ?", (seq, chat, seq))


def forget_above(con: sqlite3.Connection, chat: int, seq: int) -> None:
    """Nothing above `seq` is covered any more."""
    con.execute("DELETE FROM span WHERE chat = ? AND first > ?", (chat, seq))
    con.execute("UPDATE span SET last = ? WHERE chat = ? AND last > ?", (seq, chat, seq))
