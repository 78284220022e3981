"""What a connection can be asked about logs and conversations. Plain functions.

The caller opens a read transaction around each, so that its statements see one state.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any, Final

from improtocol import limits
from improtocol.digest import record_digest
from improtocol.entries import ERASED_PAYLOAD, ConversationType, Entry, Kind, Role
from improtocol.queries import ConversationInfo, MemberInfo
from imserver.storage.ends import conversation_head, log_head
from imserver.storage.erasing import as_given_out, edited_message
from imserver.storage.model import Conversation, LogEntry, LogHead, Member
from imserver.storage.paging import history_page, list_page

Row = tuple[Any, ...]

#: The columns are the fields of `Entry`, then what `_entry` needs to give out an erased one.
_COLUMNS: Final = (
    "r.kind, r.at_ms, coalesce(u.name, ''), r.conversation, r.seq, r.payload, r.target, r.digest"
)
_RECORDS: Final = f"SELECT {_COLUMNS} FROM record r LEFT JOIN user u ON u.id = r.author"  # noqa: S608 - as below

#: With each record, whether it was changed from `?3` on. Here and below the index is named: left to itself
#: SQLite takes the primary key, and goes through all later records of the conversation.
_HISTORY: Final = f"""
    SELECT {_COLUMNS}, EXISTS (SELECT 1 FROM record c INDEXED BY record_change
        WHERE c.conversation = ?1 AND c.target = r.seq AND c.target != 0 AND c.seq >= ?3)
    FROM record r LEFT JOIN user u ON u.id = r.author
    WHERE r.conversation = ?1 AND r.seq >= ?2 AND r.seq < ?3 ORDER BY r.seq DESC LIMIT ?4"""  # noqa: S608 - as below

_CHANGES: Final = f"""
    SELECT {_COLUMNS} FROM record r INDEXED BY record_change LEFT JOIN user u ON u.id = r.author
    WHERE r.conversation = ? AND r.target = ? AND r.target != 0 AND r.kind = ? AND r.seq >= ?
    ORDER BY r.seq DESC LIMIT ?"""  # noqa: S608 - as below

_LOG_RANGE: Final = """
    SELECT l.position + coalesce(r.seq - l.seq, 0),
        CASE WHEN l.device != 0 THEN l.device WHEN r.author = l.user THEN r.device ELSE 0 END,
        r.kind, coalesce(l.at_ms, r.at_ms), coalesce(u.name, ''), l.conversation, coalesce(r.seq, l.seq),
        r.payload, r.target, r.digest
    FROM log l
    LEFT JOIN record r ON l.reader IS NULL AND r.conversation = l.conversation
        AND r.seq BETWEEN l.seq + max(0, ?2 + 1 - l.position) AND l.seq + l.count - 1
    LEFT JOIN user u ON u.id = coalesce(l.reader, r.author)
    WHERE l.user = ?1 AND l.position + l.count > ?2 + 1
        AND l.position >= coalesce((SELECT max(position) FROM log WHERE user = ?1 AND position <= ?2 + 1), 0)
    ORDER BY l.position, r.seq LIMIT ?3"""

#: `changed_ms` comes from the newest record, found by its key.
_MINE: Final = """
    SELECT c.id, c.type, c.title, c.user_a, c.user_b, m.role, m.first, m.read,
        coalesce((SELECT max(seq) FROM record WHERE conversation = c.id), 0) AS head,
        coalesce((SELECT at_ms FROM record WHERE conversation = c.id ORDER BY seq DESC LIMIT 1), c.created_ms)
            AS changed_ms
    FROM member m JOIN conversation c ON c.id = m.conversation WHERE m.user = ?1"""

_MY_PAGE: Final = f"""
    WITH mine AS ({_MINE}) SELECT * FROM mine WHERE (?2, ?3) = (0, 0) OR (changed_ms, id) < (?2, ?3)
    ORDER BY changed_ms DESC, id DESC LIMIT ?4"""  # noqa: S608 - made of this module's constants

_MY_PAGE_BY_ID: Final = f"{_MINE} AND m.conversation > ?2 ORDER BY m.conversation LIMIT ?3"

_UNREAD: Final = """
    SELECT count(*) FROM record
    WHERE conversation = ? AND seq > ? AND kind = ? AND author != ? AND payload != ?"""


def log_heads(db: sqlite3.Connection, users: Iterable[int]) -> dict[int, LogHead]:
    """See `Store.log_heads`."""
    heads = {}
    for user in users:
        head, oldest, total = log_head(db, user)
        heads[user] = LogHead(head=head, oldest=oldest, bytes_total=total)
    return heads


def log_range(db: sqlite3.Connection, user: int, after: int, *, limit: int, bytes_max: int) -> list[LogEntry]:
    """See `Store.log_range`."""
    page: list[LogEntry] = []
    cursor = db.execute(_LOG_RANGE, (user, after, limit))
    for position, device, kind, at_ms, sender, conversation, seq, payload, target, digest in cursor:
        if kind is None:
            entry, digest = Entry(Kind.READ, at_ms, sender, conversation, seq, ERASED_PAYLOAD), 0  # noqa: PLW2901
        else:
            entry = as_given_out(Entry(kind, at_ms, sender, conversation, seq, payload), target, digest)
            if digest is None:
                digest = record_digest(kind, at_ms, sender, conversation, payload)  # noqa: PLW2901
        bytes_max -= len(entry.payload)
        if bytes_max < 0 and page:
            cursor.close()
            break
        page.append(LogEntry(position, device, entry, digest))
    return page


def conversation(db: sqlite3.Connection, id_: int) -> Conversation | None:
    """See `Store.conversation`."""
    row = db.execute("SELECT app, type, title FROM conversation WHERE id = ?", (id_,)).fetchone()
    if row is None:
        return None
    members = db.execute(
        "SELECT m.user, u.name, m.role, m.first, m.read, m.delivered"
        " FROM member m JOIN user u ON u.id = m.user WHERE m.conversation = ? ORDER BY m.user",
        (id_,),
    )
    app, type_, title = row
    return Conversation(
        id=id_,
        app=app,
        type=type_,
        title=title,
        head=conversation_head(db, id_) or 0,
        members=tuple(
            Member(user=user, name=name, role=role, first=first, read=read, delivered=delivered)
            for user, name, role, first, read, delivered in members
        ),
    )


def direct_conversation(db: sqlite3.Connection, app: int, users: tuple[int, int]) -> int | None:
    """See `Store.direct_conversation`."""
    row = db.execute(
        "SELECT id FROM conversation WHERE app = ? AND user_a = ? AND user_b = ? AND user_a > 0",
        (app, *users),
    ).fetchone()
    return int(row[0]) if row is not None else None


def history(
    db: sqlite3.Connection, id_: int, *, first: int, before: int, limit: int, bytes_max: int
) -> tuple[list[Entry], int]:
    """See `Store.history`."""
    end = before or limits.INT_MAX

    def later(message: int, kind: int, most: int) -> list[Entry]:
        return [_entry(row) for row in db.execute(_CHANGES, (id_, message, kind, end, most))]

    with closing(db.execute(_HISTORY, (id_, first, end, limit))) as rows:
        page, changes = history_page(((_entry(row[:8]), row[8]) for row in rows), later, bytes_max)
    return page + changes, page[0].seq if page else first


def record(db: sqlite3.Connection, id_: int, seq: int) -> Entry | None:
    """See `Store.record`."""
    row = db.execute(f"{_RECORDS} WHERE r.conversation = ? AND r.seq = ?", (id_, seq)).fetchone()
    return _entry(row) if row is not None else None


def conversation_infos(
    db: sqlite3.Connection,
    user: int,
    *,
    before: tuple[int, int],
    after: int | None,
    limit: int,
    bytes_max: int,
) -> tuple[list[ConversationInfo], bool]:
    """See `Store.conversation_infos`."""
    if after is None:
        rows = db.execute(_MY_PAGE, (user, *before, limit + 1)).fetchall()
    else:
        rows = db.execute(_MY_PAGE_BY_ID, (user, after, limit + 1)).fetchall()
    page = list_page((_info(db, user, row) for row in rows[:limit]), bytes_max)
    return page, len(page) == len(rows)


def conversation_info(db: sqlite3.Connection, user: int, id_: int) -> ConversationInfo | None:
    """See `Store.conversation_info`."""
    row = db.execute(f"{_MINE} AND m.conversation = ?2", (user, id_)).fetchone()
    return _info(db, user, row) if row is not None else None


def member_infos(
    db: sqlite3.Connection, id_: int, *, after: str, limit: int
) -> tuple[list[MemberInfo], bool]:
    """See `Store.member_infos`."""
    # SQLite compares text by its UTF-8 bytes, which is the order of code points.
    rows = db.execute(
        "SELECT u.name, m.role, m.read, m.delivered FROM member m JOIN user u ON u.id = m.user"
        " WHERE m.conversation = ? AND u.name > ? ORDER BY u.name LIMIT ?",
        (id_, after, limit + 1),
    ).fetchall()
    page = [
        MemberInfo(user=name, role=Role(role), read=read, delivered=delivered)
        for name, role, read, delivered in rows[:limit]
    ]
    return page, len(rows) <= limit


def share_conversation(db: sqlite3.Connection, user: int, others: Sequence[int]) -> set[int]:
    """See `Store.share_conversation`."""
    return {
        other
        for other in others
        if db.execute(
            "SELECT 1 FROM member a JOIN member b ON b.conversation = a.conversation AND b.user = ?2"
            " WHERE a.user = ?1 LIMIT 1",
            (user, other),
        ).fetchone()
    }


def _entry(row: Row) -> Entry:
    return as_given_out(Entry(*row[:6]), *row[6:])


def _info(db: sqlite3.Connection, user: int, row: Row) -> ConversationInfo:
    id_, type_, title, user_a, user_b, role, first, read, head, changed_ms = row
    peer = user_b if user == user_a else user_a
    (name,) = db.execute("SELECT name FROM user WHERE id = ?", (peer,)).fetchone() or ("",)
    (members,) = db.execute("SELECT count(*) FROM member WHERE conversation = ?", (id_,)).fetchone()
    # A member's read mark is never below `first` - 1, so it bounds what he may see as well.
    (unread,) = db.execute(_UNREAD, (id_, read, Kind.MESSAGE, user, ERASED_PAYLOAD)).fetchone()
    last = db.execute(
        f"{_RECORDS} WHERE r.conversation = ? AND r.seq >= ? AND r.kind = ? ORDER BY r.seq DESC LIMIT 1",
        (id_, first, Kind.MESSAGE),
    ).fetchone()
    return ConversationInfo(
        conversation=id_,
        type=ConversationType(type_),
        title=title,
        peer=name,
        role=Role(role),
        head=head,
        first=first,
        read=read,
        unread=unread,
        members=members,
        changed_ms=changed_ms,
        last=_as_edited(db, Entry(*last[:6])) if last is not None else None,
    )


def _as_edited(db: sqlite3.Connection, message: Entry) -> Entry:
    edit = db.execute(
        "SELECT payload FROM record INDEXED BY record_change"
        " WHERE conversation = ? AND target = ? AND target != 0 AND kind = ?"
        " ORDER BY seq DESC LIMIT 1",
        (message.conversation, message.seq, Kind.EDITED),
    ).fetchone()
    return edited_message(message, edit[0] if edit is not None else None)
