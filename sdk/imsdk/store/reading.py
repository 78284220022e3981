"""What the app reads: the conversation list, messages as they stand now, history pages, the feed."""

# ruff: noqa: S608 - what is put into statements are constants of this package, never data

import sqlite3
from collections.abc import Iterable

from improtocol import Kind, Role
from imsdk.store.rows import ChatRow, FeedRow, HistoryRows, MessageRow
from imsdk.store.spans import range_around

_MESSAGE = (
    "m.chat, m.seq, m.sender, m.at_ms,"
    " CASE WHEN m.recall_seq THEN NULL ELSE coalesce(m.edit_body, m.body) END,"
    " m.edit_ms, m.recall_seq, m.local"
)
_CHAT = "key, coalesce(id, 0), type, title, peer, role, present, head, first, read, unread, changed_ms"


def message(con: sqlite3.Connection, chat: int, seq: int) -> MessageRow | None:
    """One message, or None when it is not here."""
    row = con.execute(
        f"SELECT {_MESSAGE} FROM message AS m WHERE chat = ? AND seq = ? AND sender <> ''",
        (chat, seq),
    ).fetchone()
    return None if row is None else _message(con, row)


def message_by_local(con: sqlite3.Connection, local: int) -> MessageRow | None:
    """The message that outbox row `local` became."""
    row = con.execute(
        f"SELECT {_MESSAGE} FROM message AS m WHERE local = ?",
        (local,),
    ).fetchone()
    return None if row is None else _message(con, row)


def chats(con: sqlite3.Connection, limit: int) -> tuple[ChatRow, ...]:
    """The conversation list, the last active first."""
    rows = con.execute(
        f"SELECT {_CHAT} FROM chat WHERE present ORDER BY changed_ms DESC, key DESC LIMIT ?",
        (limit,),
    ).fetchall()
    return tuple(_chat(con, row) for row in rows)


def chat(con: sqlite3.Connection, key: int) -> ChatRow | None:
    """One conversation by its key."""
    row = con.execute(f"SELECT {_CHAT} FROM chat WHERE key = ?", (key,)).fetchone()
    return None if row is None else _chat(con, row)


def chat_of(con: sqlite3.Connection, conversation: int) -> int | None:
    """The key of a conversation by its id."""
    row = con.execute("SELECT key FROM chat WHERE id = ?", (conversation,)).fetchone()
    return None if row is None else int(row[0])


def chat_with(con: sqlite3.Connection, peer: str) -> int:
    """The key of the direct conversation with `peer`, made here when it is new."""
    row = con.execute("SELECT key FROM chat WHERE type = 1 AND peer = ?", (peer,)).fetchone()
    if row is not None:
        return int(row[0])
    cursor = con.execute("INSERT INTO chat (type, peer) VALUES (1, ?)", (peer,))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def new_group(con: sqlite3.Connection, conversation: int, title: str, now_ms: int) -> int:
    """The key of a group made here under the drawn id `conversation`."""
    cursor = con.execute(
        "INSERT INTO chat (id, type, title, role, changed_ms) VALUES (?, 2, ?, ?, ?)",
        (conversation, title, int(Role.OWNER), now_ms),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def stale_chats(con: sqlite3.Connection, limit: int, after: int) -> tuple[tuple[int, int], ...]:
    """(key, id) of conversations whose title and members have to be asked for, by key after `after`."""
    rows = con.execute(
        "SELECT key, id FROM chat WHERE stale AND present AND id IS NOT NULL AND key > ?"
        " ORDER BY key LIMIT ?",
        (after, limit),
    )
    return tuple((key, number) for key, number in rows)


def history(con: sqlite3.Connection, key: int, before: int, limit: int) -> HistoryRows:
    """Messages before `before` (0: the newest), as far as they are here without a hole."""
    head, lowest = con.execute("SELECT head, first FROM chat WHERE key = ?", (key,)).fetchone()
    top = before - 1 if before else head
    found = range_around(con, key, top) if top > 0 else None
    if found is None:
        return HistoryRows(messages=(), first=top + 1, complete=0 < top < lowest or before == 1)
    rows = con.execute(
        f"SELECT {_MESSAGE} FROM message AS m WHERE chat = ? AND seq <= ? AND seq >= ? AND sender <> ''"
        " ORDER BY seq DESC LIMIT ?",
        (key, top, found[0], limit),
    ).fetchall()
    first = rows[-1][1] if len(rows) == limit else found[0]
    messages = tuple(_message(con, row) for row in reversed(rows))
    return HistoryRows(messages=messages, first=first, complete=first <= lowest)


def feed(con: sqlite3.Connection, after: int, limit: int, *, messages: bool) -> tuple[FeedRow, ...]:
    """Up to `limit` rows after position `after`: messages, gaps and unreadable ones, or all the others."""
    chosen = "IN" if messages else "NOT IN"
    rows = con.execute(
        "SELECT position, chat, kind, seq, sender, at_ms, payload FROM feed WHERE position > ?"
        f" AND kind {chosen} (0, -1, -2) ORDER BY position LIMIT ?",
        (after, limit),
    ).fetchall()
    return tuple(
        FeedRow(
            position=row[0],
            chat=row[1],
            kind=row[2],
            seq=row[3],
            sender=row[4],
            at_ms=row[5],
            payload=row[6],
            message=message(con, row[1], row[3]) if row[2] == Kind.MESSAGE else None,
        )
        for row in rows
    )


def _message(con: sqlite3.Connection, row: Iterable[object]) -> MessageRow:
    chat_key, seq, sender, at_ms, body, edit_ms, recall_seq, local = row
    reactions = con.execute(
        "SELECT emoji, user FROM reaction WHERE chat = ? AND target = ? AND active ORDER BY seq",
        (chat_key, seq),
    ).fetchall()
    return MessageRow(
        chat=chat_key,  # type: ignore[arg-type]
        seq=seq,  # type: ignore[arg-type]
        sender=sender,  # type: ignore[arg-type]
        at_ms=at_ms,  # type: ignore[arg-type]
        body=body,  # type: ignore[arg-type]
        edited_ms=0 if recall_seq else edit_ms,  # type: ignore[arg-type]
        recalled=bool(recall_seq),
        local=local,  # type: ignore[arg-type]
        reactions=tuple(reactions),
    )


def _chat(
    con: sqlite3.Connection, row: tuple[int, int, int, str, str, int, int, int, int, int, int, int]
) -> ChatRow:
    newest = con.execute(
        f"SELECT {_MESSAGE} FROM message AS m WHERE chat = ? AND sender <> '' ORDER BY seq DESC LIMIT 1",
        (row[0],),
    ).fetchone()
    return ChatRow(
        chat=row[0],
        id=row[1],
        type=row[2],
        title=row[3],
        peer=row[4],
        role=Role(row[5]),
        present=bool(row[6]),
        head=row[7],
        first=row[8],
        read=row[9],
        unread=row[10],
        changed_ms=row[11],
        last=None if newest is None else _message(con, newest),
    )
