"""Letting go of what a restore has made untrue of conversations whose history cannot be compared."""

# ruff: noqa: S608 - what is put into statements are constants of this package, never data

import sqlite3
from collections.abc import Iterable
from typing import Final

from improtocol import ConversationType, Entry, Kind, read_entry
from improtocol import entries as facts
from imsdk.store.feed import Feed
from imsdk.store.rows import GapReason

#: `passed` of a group that was left before a restore: the server's records may be others than those here.
DOUBTED: Final = 2


def forget(con: sqlite3.Connection, key: int, kind: int, head: int) -> None:
    """A conversation, or one's place in it, is younger than the backup.

    The next message makes a direct one anew, under another id; into a group one may be taken again, at a
    number that was another record's before. Of what was shown or acked, up to `head`, a gap says that it does
    not count any more.
    """
    for table in ("message", "reaction", "member", "span", "feed"):
        con.execute(f"DELETE FROM {table} WHERE chat = ?", (key,))
    if head:
        feed = Feed(con)
        feed.gap(key, 1, head, 0, GapReason.RESTORED)
        feed.close()
    gone = "id = NULL" if kind == ConversationType.DIRECT else "present = 0, stale = 1, passed = 1"
    con.execute(
        f"UPDATE chat SET {gone}, head = 0, first = 1, released = 0, read = 0, unread = 0, base = 0,"
        " title_seq = 0, members_seq = 0"
        " WHERE key = ?",
        (key,),
    )


def forget_doubted(con: sqlite3.Connection, key: int) -> None:
    """One is in a group again: if it was left before a restore, what the server says of it begins anew."""
    row = con.execute(
        "SELECT type, max(head, released) FROM chat WHERE key = ? AND passed = ? AND NOT present",
        (key, DOUBTED),
    ).fetchone()
    if row is not None:
        forget(con, key, *row)


def make_way(con: sqlite3.Connection, user: str, entries: Iterable[Entry]) -> None:
    """Forget the doubted groups into which these entries of the log take `user` again."""
    for entry in entries:
        if entry.kind != Kind.JOINED:
            continue
        meaning = read_entry(entry)
        if isinstance(meaning, facts.Joined) and user in meaning.users:
            row = con.execute("SELECT key FROM chat WHERE id = ?", (entry.conversation,)).fetchone()
            if row is not None:
                forget_doubted(con, row[0])
