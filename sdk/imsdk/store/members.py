"""Who is in a chat, with which role, and how far each has read and received."""

import sqlite3
from collections.abc import Iterable

from improtocol import Entry, Role
from improtocol import entries as facts
from improtocol.queries import MemberInfo
from imsdk.store.rows import MemberRow

_SET = (
    "INSERT INTO member (chat, user, role, seq, present) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE"
    " SET role = ?3, seq = ?4, present = ?5 WHERE seq < ?4"
)


def change(con: sqlite3.Connection, me: str, chat: int, entry: Entry, meaning: facts.Meaning) -> None:
    """Apply a change of membership. Of two changes to one member the higher sequence number wins.

    What the server's list was taken over with is in it: a page of history would bring back who has gone.
    """
    match meaning:
        case facts.Created(members=pairs):
            changes = [(user, int(role), True) for user, role in pairs]
        case facts.Joined(users=users):
            changes = [(user, int(Role.MEMBER), True) for user in users]
        case facts.Left():
            changes = [(entry.sender, 0, False)]
        case facts.Removed(user=user):
            changes = [(user, 0, False)]
        case facts.RoleSet(user=user, role=role):
            changes = [(user, int(role), True)]
            if role == Role.OWNER:  # whoever hands over becomes an admin, in the same record
                changes.append((entry.sender, int(Role.ADMIN), True))
        case _:
            return
    (listed_upto,) = con.execute("SELECT members_seq FROM chat WHERE key = ?", (chat,)).fetchone()
    if entry.seq <= listed_upto:
        return
    for user, role_number, present in changes:
        if not present:  # who inherits from an owner, only the list says
            con.execute(
                "UPDATE chat SET stale = 1 WHERE key = ?1 AND EXISTS"
                " (SELECT 1 FROM member WHERE chat = ?1 AND user = ?2 AND role = ?3 AND seq < ?4)",
                (chat, user, int(Role.OWNER), entry.seq),
            )
        # One's own commands come with their results, ahead of older entries of the log.
        newest = con.execute(_SET, (chat, user, role_number, entry.seq, present)).rowcount > 0
        if user == me and newest:
            # Whoever comes again was not told of what changed meanwhile.
            con.execute(
                "UPDATE chat SET stale = stale OR (?1 AND NOT present), present = ?1, role = ?2,"
                " passed = iif(?1, 0, passed) WHERE key = ?3",
                (present, role_number, chat),
            )


def take_own(
    con: sqlite3.Connection, me: str, chat: int, role: int, seq: int, *, again: bool = False
) -> None:
    """One is a member with this role: the server's word up to record `seq`.

    `again`: also if a later record said otherwise, as the server may have lost it.
    """
    taken = con.execute(
        "INSERT INTO member (chat, user, role, seq) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
        " SET role = ?3, seq = ?4, present = 1 WHERE seq <= ?4 OR ?5",
        (chat, me, role, seq, again),
    ).rowcount
    if taken:
        con.execute("UPDATE chat SET present = 1, role = ? WHERE key = ?", (role, chat))


def mark_read(con: sqlite3.Connection, chat: int, user: str, seq: int) -> bool:
    """Move a member's read mark; whoever has read has also received. Tells if it moved."""
    return (
        con.execute(
            "INSERT INTO member (chat, user, read, delivered) VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO UPDATE"
            " SET read = ?3, delivered = max(delivered, ?3) WHERE read < ?3",
            (chat, user, seq),
        ).rowcount
        > 0
    )


def mark_delivered(con: sqlite3.Connection, conversation: int, user: str, seq: int) -> None:
    """Move a member's delivered watermark. Unknown conversations are ignored: it was only a signal."""
    con.execute(
        "INSERT INTO member (chat, user, delivered) SELECT key, ?2, ?3 FROM chat WHERE id = ?1"
        " ON CONFLICT DO UPDATE SET delivered = ?3 WHERE delivered < ?3",
        (conversation, user, seq),
    )


def replace(con: sqlite3.Connection, me: str, chat: int, infos: Iterable[MemberInfo], seq: int) -> None:
    """Take over the server's whole list, which has every change up to record `seq`."""
    con.execute("UPDATE member SET present = 0 WHERE chat = ?", (chat,))
    con.executemany(
        "INSERT INTO member (chat, user, role, present, read, delivered) VALUES (?1, ?2, ?3, 1, ?4, ?5)"
        " ON CONFLICT DO UPDATE SET role = ?3, present = 1, read = max(read, ?4),"
        " delivered = max(delivered, ?5)",
        [(chat, info.user, int(info.role), info.read, info.delivered) for info in infos],
    )
    for info in infos:
        if info.user == me:
            take_own(con, me, chat, int(info.role), seq)
    con.execute("UPDATE chat SET members_seq = ?, stale = 0 WHERE key = ?", (seq, chat))


def distrust(con: sqlite3.Connection, me: str, chat: int, upto: int) -> None:
    """The server has lost records after `upto`: nobody has read them, and what they changed is asked for.

    One's own membership was said with the line of the list (`take_own`).
    """
    con.execute("UPDATE member SET seq = 0 WHERE chat = ? AND user <> ?", (chat, me))
    con.execute(
        "UPDATE member SET read = min(read, ?1), delivered = min(delivered, ?1) WHERE chat = ?2", (upto, chat)
    )
    con.execute("UPDATE chat SET members_seq = 0, stale = 1 WHERE key = ?", (chat,))


def listed(con: sqlite3.Connection, chat: int) -> tuple[MemberRow, ...]:
    """The members, in the order of their ids."""
    rows = con.execute(
        "SELECT user, role, read, delivered FROM member WHERE chat = ? AND present ORDER BY user", (chat,)
    )
    return tuple(MemberRow(user=u, role=Role(r), read=read, delivered=d) for u, r, read, d in rows)
