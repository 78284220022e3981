"""Taking over the server's word instead of the log: conversation lines, pages, the end of a RESYNC."""

import sqlite3
from collections.abc import Iterable, Sequence

from improtocol import ConversationType, Entry, Kind, limits, read_entry
from improtocol.entries import Erased
from improtocol.queries import ConversationInfo, HistoryPage, MemberInfo
from imsdk.store import forgetting, members, outbox, spans, unread
from imsdk.store.feed import Feed
from imsdk.store.projection import Projection
from imsdk.store.rows import GapReason


def take_infos(
    con: sqlite3.Connection, user: str, infos: Iterable[ConversationInfo], *, all_pages: bool
) -> tuple[tuple[int, int], ...]:
    """Take over lines of the conversation list; returns (chat, id) of those whose newest page is needed.

    With `all_pages` that is every one (the server's history may differ from ours, and its word stands against
    whatever is known here), otherwise those with something new.
    """
    wanted = []
    for info in infos:
        key = _key_of(con, info)
        if not all_pages:
            forgetting.forget_doubted(con, key)
        read, released, known = con.execute(
            "SELECT read, released, (SELECT count(*) FROM member WHERE chat = key AND present)"
            " FROM chat WHERE key = ?",
            (key,),
        ).fetchone()
        if all_pages:  # a mark that is still on its way applies again with its result
            read, left = info.read, info.unread
        else:
            # A mark set here and not yet known to the server stands, and what lies below it is read.
            read = max(read, info.read)
            below = unread.count(con, user, key, info.read, read)
            left = max(0, min(info.unread - below, info.head - read))
            # Events may have come between the server's answer and now.
            left += unread.count(con, user, key, max(info.head, read), limits.INT_MAX)
        con.execute(
            "UPDATE chat SET id = ?, type = ?, peer = ?, first = ?, read = ?, unread = ?,"
            " base = ?, changed_ms = max(changed_ms, ?), stale = stale OR ?, passed = 0 WHERE key = ?",
            (
                info.conversation,
                int(info.type),
                info.peer,
                max(1, info.first),
                read,
                left,
                info.head,
                info.changed_ms,
                known != info.members,
                key,
            ),
        )
        if not all_pages:
            unread.recount(con, user, key)
        # Of title and membership the log may know better by now.
        con.execute(
            "UPDATE chat SET title = ?1, title_seq = ?2 WHERE key = ?3 AND (title_seq <= ?2 OR ?4)",
            (info.title, info.head, key, all_pages),
        )
        members.take_own(con, user, key, int(info.role), info.head, again=all_pages)
        # Also when only what lies before one's own newest message is missing: the log will not bring it.
        if info.head and (all_pages or released < info.head or not spans.has(con, key, info.head)):
            wanted.append((key, info.conversation))
    return tuple(wanted)


def take_members(
    con: sqlite3.Connection, user: str, chat: int, infos: Sequence[MemberInfo], head: int
) -> bool:
    """Take over a whole member list, unless the log has moved on since it was asked for."""
    if con.execute("SELECT 1 FROM chat WHERE key = ? AND head = ?", (chat, head)).fetchone() is None:
        return False
    members.replace(con, user, chat, infos, head)
    return True


def take_history(con: sqlite3.Connection, user: str, chat: int, page: HistoryPage, before: int) -> None:
    """Apply a history page and the range it covers. Records already in the feed do not come again."""
    projection = Projection(con, user)
    for entry in page.entries:
        projection.apply(entry, chat)
    projection.close()
    # Not `before` - 1: what the app asks with may lie beyond the conversation's end, and what comes there
    # later would then pass for known.
    last = max((entry.seq for entry in page.entries if not before or entry.seq < before), default=0)
    if page.first <= last and page.first > 0:
        spans.cover(con, chat, page.first, last)
    if page.complete and page.first > 0:
        con.execute("UPDATE chat SET first = ? WHERE key = ?", (page.first, chat))
    unread.recount(con, user, chat)


def take_newest(con: sqlite3.Connection, user: str, chat: int, page: HistoryPage, reason: GapReason) -> None:
    """Apply the newest page after a RESYNC: what lies between the feed and the page becomes a gap row."""
    own = _drop_divergent(con, user, chat, page) if reason == GapReason.RESTORED else []
    (first, released) = con.execute("SELECT first, released FROM chat WHERE key = ?", (chat,)).fetchone()
    if released < first - 1:  # nothing before `first` may be seen, so nothing of it is missing
        released = first - 1
        con.execute("UPDATE chat SET released = ? WHERE key = ?", (released, chat))
    if released < page.first - 1:  # who came and went in between, only the member list says
        con.execute("UPDATE chat SET stale = 1 WHERE key = ?", (chat,))
    take_history(con, user, chat, page, 0)
    con.executemany("UPDATE message SET local = ? WHERE chat = ? AND seq = ?", own)
    (released,) = con.execute("SELECT released FROM chat WHERE key = ?", (chat,)).fetchone()
    _skip_holes(con, chat, released, reason)


def _skip_holes(con: sqlite3.Connection, chat: int, released: int, reason: GapReason) -> None:
    """Release everything held; what lies before it becomes gap rows."""
    feed = Feed(con)
    released = feed.skip_holes(chat, released, reason, limits.INT_MAX)
    feed.close()
    con.execute("UPDATE chat SET released = ? WHERE key = ?", (released, chat))


def end_resync(
    con: sqlite3.Connection,
    *,
    cursor: int,
    head: int,
    epoch: int,
    present: Sequence[int],
    accepted: int,
    forgotten: bool,
    restored: bool,
) -> None:
    """Everything up to `head` is here; the log goes on at `cursor`. See `Store.end_resync`."""
    con.execute("CREATE TEMP TABLE IF NOT EXISTS present (id INTEGER PRIMARY KEY)")
    con.execute("DELETE FROM present")
    con.executemany("INSERT OR IGNORE INTO present VALUES (?)", [(number,) for number in present])
    absent = con.execute(
        "SELECT key, type, head, released, present FROM chat WHERE"
        # A direct one has no id while nothing but results told of it: lost as well, if a restore forgot them.
        " iif(id IS NULL, head > 0 AND ?, id NOT IN (SELECT id FROM present))",
        (restored,),
    ).fetchall()
    to_make = outbox.groups_to_make(con, accepted)
    for key, kind, newest, released, was_present in absent:
        if key in to_make:
            continue
        # What cannot be compared is forgotten. One that was left before keeps what it has to show; whoever is
        # taken in again may come at a number that was another record's.
        if restored and (kind == ConversationType.DIRECT or was_present):
            forgetting.forget(con, key, kind, max(newest, released))
        else:
            passed = forgetting.DOUBTED if restored else 1
            con.execute("UPDATE chat SET present = 0, passed = max(passed, ?) WHERE key = ?", (passed, key))
            # No page came, and the log will not bring what it skips: own messages would wait for it for ever.
            _skip_holes(con, key, released, GapReason.RESTORED if restored else GapReason.RETENTION)
    con.execute(
        "UPDATE state SET cursor = ?1, base = ?1, digest = 0, repair = ?2, epoch = ?3", (cursor, head, epoch)
    )
    if forgotten:
        outbox.renumber(con, accepted)


def _key_of(con: sqlite3.Connection, info: ConversationInfo) -> int:
    row = con.execute("SELECT key FROM chat WHERE id = ?", (info.conversation,)).fetchone()
    direct = info.type == ConversationType.DIRECT
    waiting = (
        con.execute("SELECT key FROM chat WHERE type = 1 AND peer = ?", (info.peer,)).fetchone()
        if direct
        else None
    )
    if row is None and waiting is not None:
        return int(waiting[0])
    if row is not None:
        if waiting is not None and waiting != row:
            _merge(con, waiting[0], row[0])
        return int(row[0])
    cursor = con.execute(
        "INSERT INTO chat (id, type, peer, released) VALUES (?, ?, ?, ?)",
        (info.conversation, int(info.type), info.peer, max(0, info.first - 1)),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _merge(con: sqlite3.Connection, old: int, new: int) -> None:
    """Two rows turned out to be one conversation: what waits to be sent moves over, the other row goes."""
    con.execute("UPDATE outbox SET chat = ? WHERE chat = ?", (new, old))
    con.execute("UPDATE OR IGNORE message SET chat = ? WHERE chat = ?", (new, old))
    con.execute("UPDATE OR IGNORE feed SET chat = ? WHERE chat = ?", (new, old))
    con.execute("DELETE FROM chat WHERE key = ?", (old,))


def _differs(entry: Entry, body: bytes | None) -> bool:
    """Whether the server's message says something else than ours; what was recalled says nothing."""
    return body not in (None, entry.payload) and not isinstance(read_entry(entry), Erased)


def _drop_divergent(
    con: sqlite3.Connection, user: str, chat: int, page: HistoryPage
) -> list[tuple[int, int, int]]:
    """Forget what the server, back from a backup, tells differently; a gap row stands for it.

    Returns (local id, chat, number) of one's own messages in the page, to be put back.
    """
    (head, released) = con.execute("SELECT base, released FROM chat WHERE key = ?", (chat,)).fetchone()
    theirs = {entry.seq: entry for entry in page.entries if entry.kind == Kind.MESSAGE}
    ours = con.execute(
        "SELECT seq, sender, at_ms, body FROM message WHERE chat = ? AND seq >= ? AND sender <> ''"
        " ORDER BY seq",
        (chat, page.first),
    ).fetchall()
    first_bad = head + 1
    for seq, sender, at_ms, body in ours:
        entry = theirs.get(seq)
        if entry is None or (entry.sender, entry.at_ms) != (sender, at_ms) or _differs(entry, body):
            first_bad = min(first_bad, seq)
            break
    # Shown or held back, rows of what no longer counts would show whatever takes those numbers next. What is
    # held back of the rest the page brings again, or nobody does.
    con.execute("DELETE FROM feed WHERE chat = ? AND (seq >= ? OR position IS NULL)", (chat, first_bad))
    own = con.execute(
        "SELECT local, seq FROM message WHERE chat = ? AND seq >= ? AND seq < ? AND local IS NOT NULL",
        (chat, page.first, first_bad),
    ).fetchall()
    # Below the page nothing can be compared, so it has to be asked for again. What is in it is applied anew:
    # of an edit, a recall or a reaction that the server has lost nothing else would undo the effect.
    con.execute("DELETE FROM message WHERE chat = ?", (chat,))
    con.execute("DELETE FROM reaction WHERE chat = ?", (chat,))
    members.distrust(con, user, chat, first_bad - 1)
    spans.forget_above(con, chat, 0)
    upto = max(released, *(seq for seq, *_ in ours), 0)  # also what was acked and is held back
    if upto >= first_bad:
        feed = Feed(con)
        feed.gap(chat, first_bad, upto, 0, GapReason.RESTORED)
        feed.close()
    # Somebody may have marked what is gone now as read since the line of the list was taken.
    con.execute(
        "UPDATE chat SET head = ?1, released = min(released, ?1), read = min(read, base) WHERE key = ?2",
        (first_bad - 1, chat),
    )
    return [(local, chat, seq) for local, seq in own]
