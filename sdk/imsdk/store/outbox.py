"""The outbox: commands from the moment `send()` returns until their result is committed.

Counters are dense and given in the order of local ids, at the moment a command may be sent: a draft that is
still being uploaded has none, nor has anything behind it in the same chat, so text never overtakes the
picture before it.
"""

# ruff: noqa: S608 - what is put into statements are constants of this package, never data

import sqlite3
from collections.abc import Iterable

from improtocol import Code, Entry, Kind, pack, pack_body, unpack
from improtocol import commands as ask
from improtocol.action_codec import action_from_values, action_to_values
from improtocol.commands import Action
from improtocol.frames import Result
from imsdk.store import unread
from imsdk.store.projection import Projection
from imsdk.store.rows import DISCARDED, OutboxRow, Settled

#: True of a row that was not discarded.
KEPT = "(action IS NOT NULL OR draft IS NOT NULL)"
_COLUMNS = "local, chat, counter, action, draft, progress, created_ms, code, reason"


def enqueue(
    con: sqlite3.Connection, user: str, chat: int, action: Action | None, draft: str | None, now_ms: int
) -> int:
    """Add a command, or a draft that becomes one; returns its local id."""
    packed = None if action is None else pack(action_to_values(action))
    cursor = con.execute(
        "INSERT INTO outbox (chat, action, draft, created_ms) VALUES (?, ?, ?, ?)",
        (chat, packed, draft, now_ms),
    )
    assert cursor.lastrowid is not None
    assign(con)
    if isinstance(action, ask.MarkRead):
        # One's own mark shows at once; if it should be refused, it goes back.
        con.execute(
            "UPDATE outbox SET mark = (SELECT read FROM chat WHERE key = chat) WHERE local = ?",
            (cursor.lastrowid,),
        )
        _apply(con, user, [(chat, None, _entry_of(action, user, action.seq, now_ms))])
    return cursor.lastrowid


def assign(con: sqlite3.Connection) -> None:
    """Give counters to everything that may be sent, in the order of local ids."""
    ready = con.execute(
        "SELECT local FROM outbox AS row WHERE counter IS NULL AND code = 0 AND NOT EXISTS"
        " (SELECT 1 FROM outbox AS earlier WHERE earlier.chat = row.chat AND earlier.local <= row.local"
        " AND earlier.counter IS NULL AND earlier.code = 0 AND earlier.action IS NULL) ORDER BY local"
    ).fetchall()
    if not ready:
        return
    (assigned,) = con.execute("SELECT assigned FROM state").fetchone()
    con.executemany(
        "UPDATE outbox SET counter = ? WHERE local = ?",
        [(assigned + index, local) for index, (local,) in enumerate(ready, 1)],
    )
    con.execute("UPDATE state SET assigned = ?", (assigned + len(ready),))


def renumber(con: sqlite3.Connection, accepted: int) -> None:
    """Count all unacked commands anew from `accepted` + 1.

    The server knows nothing of them under their old counters.
    """
    rows = con.execute("SELECT local FROM outbox WHERE counter IS NOT NULL ORDER BY counter").fetchall()
    con.execute("UPDATE outbox SET counter = NULL WHERE counter IS NOT NULL")
    con.executemany(
        "UPDATE outbox SET counter = ? WHERE local = ?",
        [(accepted + index, local) for index, (local,) in enumerate(rows, 1)],
    )
    con.execute("UPDATE state SET acked = ?, assigned = ?", (accepted, accepted + len(rows)))


def groups_to_make(con: sqlite3.Connection, accepted: int) -> set[int]:
    """Keys of the groups that only the outbox knows: the server has carried out no more than `accepted`."""
    rows = con.execute(
        "SELECT chat, action FROM outbox WHERE action IS NOT NULL AND code = 0 AND coalesce(counter > ?, 1)",
        (accepted,),
    )
    return {chat for chat, packed in rows if isinstance(_action(packed), ask.Create)}


def window(con: sqlite3.Connection, after: int, limit: int) -> tuple[tuple[int, Action], ...]:
    """Up to `limit` numbered commands after counter `after`."""
    rows = con.execute(
        "SELECT counter, action FROM outbox WHERE counter > ? ORDER BY counter LIMIT ?", (after, limit)
    )
    return tuple((counter, _action(packed)) for counter, packed in rows)


def settle(con: sqlite3.Connection, user: str, results: Iterable[Result]) -> tuple[Settled, ...]:
    """Commit results: an accepted command becomes a record, a refused one keeps its reason.

    A result of a command that is not there any more was committed before; it is skipped.
    """
    settled: list[Settled] = []
    facts: list[tuple[int, int | None, Entry]] = []
    for result in results:
        con.execute("UPDATE state SET acked = max(acked, ?)", (result.counter,))
        row = con.execute(
            "SELECT local, chat, action FROM outbox WHERE counter = ?", (result.counter,)
        ).fetchone()
        if row is None:
            continue
        local, chat, packed = row
        action = _action(packed)
        settled.append(
            Settled(local=local, seq=result.value, at_ms=result.at_ms, code=result.code, reason=result.reason)
        )
        if result.code != Code.OK:
            con.execute(
                "UPDATE outbox SET counter = NULL, code = ?, reason = ? WHERE local = ?",
                (result.code, result.reason, local),
            )
            if isinstance(action, ask.Create):
                con.execute("UPDATE chat SET present = 0 WHERE key = ?", (chat,))
            elif isinstance(action, ask.MarkRead):
                _mark_back(con, user, chat, local, action.seq)
            continue
        con.execute("DELETE FROM outbox WHERE local = ?", (local,))
        if isinstance(action, ask.Logout):
            con.execute("UPDATE state SET session = 0, secret = x''")
        elif not isinstance(action, ask.Create):  # CREATED comes as an event, also to its maker
            facts.append((chat, local, _entry_of(action, user, result.value, result.at_ms)))
    _apply(con, user, facts)
    return tuple(settled)


def _mark_back(con: sqlite3.Connection, user: str, chat: int, local: int, seq: int) -> None:
    """The mark `seq` of row `local` was refused: the one before it stands, unless there is another since."""
    (mark,) = con.execute("SELECT mark FROM outbox WHERE local = ?", (local,)).fetchone()
    (read,) = con.execute("SELECT read FROM chat WHERE key = ?", (chat,)).fetchone()
    # Where a later one is refused too, it goes back as far.
    con.execute(
        "UPDATE outbox SET mark = ? WHERE chat = ? AND mark = ? AND local > ?", (mark, chat, seq, local)
    )
    if mark is None or read != seq:
        return
    con.execute(
        "UPDATE chat SET read = ?, unread = unread + ? WHERE key = ?",
        (mark, unread.count(con, user, chat, mark, seq), chat),
    )
    unread.recount(con, user, chat)


def make_ready(con: sqlite3.Connection, local: int, action: Action) -> None:
    """A draft's upload is finished: it becomes the command `action`."""
    con.execute(
        "UPDATE outbox SET action = ?, progress = '{}' WHERE local = ? AND counter IS NULL AND code = 0",
        (pack(action_to_values(action)), local),
    )
    assign(con)


def fail(con: sqlite3.Connection, local: int, code: int, reason: str) -> None:
    """A draft will never be uploaded. What waited behind it may go."""
    con.execute(
        "UPDATE outbox SET code = ?, reason = ? WHERE local = ? AND counter IS NULL AND code = 0",
        (code, reason, local),
    )
    assign(con)


def discard(con: sqlite3.Connection, local: int) -> bool:
    """Forget a draft that has no counter yet, or a refused command. Tells if there was one.

    Its row stays, with its end alone: a missing one is taken for acked.
    """
    gone = con.execute(
        "UPDATE outbox SET action = NULL, draft = NULL, progress = '{}', code = iif(code, code, ?)"
        f" WHERE local = ? AND counter IS NULL AND (code <> 0 OR action IS NULL) AND {KEPT}",
        (DISCARDED, local),
    ).rowcount
    assign(con)
    return gone > 0


def last_local(con: sqlite3.Connection) -> int:
    """The last local id given; that row may be gone."""
    row = con.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
    return 0 if row is None else int(row[0])


def rows_of(con: sqlite3.Connection, where: str, *values: object) -> tuple[OutboxRow, ...]:
    """Outbox rows by a condition of this package (never text from outside), in the order of local ids."""
    rows = con.execute(f"SELECT {_COLUMNS} FROM outbox WHERE {where} ORDER BY local", values)
    return tuple(
        OutboxRow(
            local=row[0],
            chat=row[1],
            counter=row[2],
            action=None if row[3] is None else _action(row[3]),
            draft=row[4],
            progress=row[5],
            created_ms=row[6],
            code=row[7],
            reason=row[8],
        )
        for row in rows
    )


def _action(packed: bytes) -> Action:
    values = unpack(packed)
    assert isinstance(values, list)
    return action_from_values(values, None)


def _apply(con: sqlite3.Connection, user: str, facts: list[tuple[int, int | None, Entry]]) -> None:
    if not facts:
        return
    projection = Projection(con, user)
    for chat, local, entry in facts:
        projection.apply(entry, chat, local)
    projection.close()


def _entry_of(action: Action, user: str, seq: int, at_ms: int) -> Entry:
    """The log entry that an accepted command is, which the server does not echo to the device that sent it.

    The conversation is told apart by the chat's key, so its id does not matter here.
    """
    kind, payload = _kind_and_payload(action)
    return Entry(kind, at_ms, user, 1, seq, payload)


def _kind_and_payload(action: Action) -> tuple[Kind, bytes]:
    match action:
        case ask.Post():
            return Kind.MESSAGE, pack_body(action.body)
        case ask.Edit():
            return Kind.EDITED, pack([action.target, action.body.to_value()])
        case ask.Recall():
            return Kind.RECALLED, pack([action.target])
        case ask.React():
            return Kind.REACTED, pack([action.target, action.emoji, action.on])
        case ask.MarkRead():
            return Kind.READ, pack(None)
        case ask.Invite():
            return Kind.JOINED, pack(list(action.users))
        case ask.Leave():
            return Kind.LEFT, pack(None)
        case ask.Remove():
            return Kind.REMOVED, pack([action.user])
        case ask.SetRole():
            return Kind.ROLE, pack([action.user, int(action.role)])
        case ask.Rename():
            return Kind.RENAMED, pack([action.title])
        case _:
            raise AssertionError(f"{type(action).__name__} leaves no record")
