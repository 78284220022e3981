"""Applies log entries to the tables: messages, changes to them, members, read marks, and the feed.

Idempotent: a record is known by (chat, sequence number) and applied once. Order does not matter for the
outcome: of two changes to the same thing the higher sequence number wins, and a change may come before what
it changes.
"""

import sqlite3
from dataclasses import dataclass

from improtocol import ConversationType, Entry, Kind, pack, read_entry
from improtocol import entries as facts
from improtocol.limits import INT_MAX
from imsdk.store import members, spans, unread
from imsdk.store.feed import Feed
from imsdk.store.repairing import edit_body, repair
from imsdk.store.rows import UNREADABLE, GapReason


@dataclass(slots=True)
class _Chat:
    """A chat's row while a transaction works on it, with the highest range of its numbers."""

    key: int
    head: int
    released: int
    read: int
    unread: int
    base: int
    changed_ms: int
    tail: tuple[int, int]
    held: bool
    passed: bool
    tail_changed: bool = False
    recount: bool = False  #: `unread` may be more right when it is counted


class Projection:
    """Applies entries within one transaction; `close` writes what it gathered.

    Args:
        con: the connection, inside of a transaction.
        user: whose device this is.
        logged: the entries come by the log, in its order.
        again: they take the place of what is here, which differs from what the server has.
    """

    def __init__(
        self, con: sqlite3.Connection, user: str, *, logged: bool = False, again: bool = False
    ) -> None:
        self._con = con
        self._user = user
        self._logged = logged
        self._again = again
        self._feed = Feed(con)
        self._chats: dict[int, _Chat] = {}
        self._keys: dict[int, int] = {}
        self.unreadable = 0

    def apply(self, entry: Entry, chat: int | None = None, local: int | None = None) -> None:
        """Apply one entry; `chat` says which one it belongs to when the conversation has no id yet."""
        meaning = read_entry(entry)
        key = self._key_of(entry, meaning) if chat is None else chat
        state = self._chat(key)
        if entry.kind == Kind.READ:
            self._mark_read(state, entry)
            return
        if self._known(state, entry.seq):
            if self._again:
                repair(self._con, key, entry, meaning)
            if local is not None:  # a history page was faster than the result
                self._con.execute(
                    "UPDATE message SET local = ? WHERE chat = ? AND seq = ?", (local, key, entry.seq)
                )
            return
        self._cover(state, entry.seq)
        if isinstance(meaning, facts.Posted | facts.Erased) and entry.kind == Kind.MESSAGE:
            self._post(state, entry, meaning, local)
        else:
            self._change(state, entry, meaning)
        state.head = max(state.head, entry.seq)
        if entry.seq > state.released:
            self._show(state, entry, meaning)
        elif self._again:  # a gap row stands in its place
            self._feed.add(*self._row(state, entry, meaning))

    def close(self) -> None:
        """Release what is no longer held back and write the chats' rows."""
        for key, chat in self._chats.items():
            self._write_tail(chat)
            if chat.held:
                chat.released = self._feed.release(key, chat.released)
                if chat.passed:  # results of what was carried out before the snapshot
                    chat.released = self._feed.skip_holes(key, chat.released, GapReason.MISSING, INT_MAX)
                else:
                    chat.released = self._feed.skip_lost(key, chat.released)
            self._con.execute(
                "UPDATE chat SET head = ?, released = ?, read = ?, unread = ?, changed_ms = ? WHERE key = ?",
                (chat.head, chat.released, chat.read, chat.unread, chat.changed_ms, key),
            )
            if chat.recount:
                unread.recount(self._con, self._user, key)
        self._feed.close()

    # Finding the chat ------------------------------------------------------------------------------

    def _key_of(self, entry: Entry, meaning: facts.Meaning) -> int:
        key = self._keys.get(entry.conversation)
        if key is None:
            row = self._con.execute("SELECT key FROM chat WHERE id = ?", (entry.conversation,)).fetchone()
            key = self._new_chat(entry, meaning) if row is None else row[0]
            self._keys[entry.conversation] = key
        if isinstance(meaning, facts.Created):
            self._con.execute("UPDATE chat SET type = ? WHERE key = ?", (meaning.type, key))
        return key

    def _new_chat(self, entry: Entry, meaning: facts.Meaning) -> int:
        """The key of a conversation this store has no id of: a direct one that waits for it, or a new row."""
        kind, peer = 0, ""
        if isinstance(meaning, facts.Created):
            kind = meaning.type
            if kind == ConversationType.DIRECT:
                peer = next((user for user, _ in meaning.members if user != self._user), self._user)
                row = self._con.execute(
                    "SELECT key FROM chat WHERE type = 1 AND peer = ?", (peer,)
                ).fetchone()
                if row is not None:
                    self._con.execute("UPDATE chat SET id = ? WHERE key = ?", (entry.conversation, row[0]))
                    return int(row[0])
        created = kind != 0
        # Whoever joins late sees records from the own JOINED on; before it there is nothing to wait for.
        cursor = self._con.execute(
            "INSERT INTO chat (id, type, peer, stale, first, released) VALUES (?, ?, ?, ?, ?, ?)",
            (entry.conversation, kind or 2, peer, not created, max(1, entry.seq), max(0, entry.seq - 1)),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _chat(self, key: int) -> _Chat:
        chat = self._chats.get(key)
        if chat is None:
            head, released, read, unread, base, changed_ms, passed, held = self._con.execute(
                "SELECT head, released, read, unread, base, changed_ms, passed,"
                " EXISTS (SELECT 1 FROM feed WHERE chat = key AND position IS NULL) FROM chat WHERE key = ?",
                (key,),
            ).fetchone()
            chat = self._chats[key] = _Chat(
                key,
                head,
                released,
                read,
                unread,
                base,
                changed_ms,
                self._read_tail(key),
                held=bool(held),
                passed=bool(passed),
            )
        return chat

    # Ranges of sequence numbers --------------------------------------------------------------------

    def _read_tail(self, key: int) -> tuple[int, int]:
        row = self._con.execute(
            "SELECT first, last FROM span WHERE chat = ? ORDER BY first DESC LIMIT 1", (key,)
        ).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

    def _write_tail(self, chat: _Chat) -> None:
        if chat.tail_changed:
            spans.cover(self._con, chat.key, *chat.tail)
            chat.tail_changed = False

    def _known(self, chat: _Chat, seq: int) -> bool:
        first, last = chat.tail
        if seq > last:
            return False
        return seq >= first > 0 or spans.has(self._con, chat.key, seq)

    def _cover(self, chat: _Chat, seq: int) -> None:
        first, last = chat.tail
        if first and seq == last + 1:
            chat.tail = (first, seq)
            chat.tail_changed = True
            return
        chat.recount = True  # a hole may be closed
        self._write_tail(chat)
        spans.cover(self._con, chat.key, seq, seq)
        chat.tail = self._read_tail(chat.key)

    # What entries mean -----------------------------------------------------------------------------

    def _row(
        self, chat: _Chat, entry: Entry, meaning: facts.Meaning
    ) -> tuple[int, int, int, str, int, bytes | None]:
        kind, payload = entry.kind, entry.payload
        if isinstance(meaning, facts.Unreadable):
            self.unreadable += 1
            kind, payload = UNREADABLE, pack([entry.kind, meaning.reason[:200]])
        return chat.key, entry.seq, kind, entry.sender, entry.at_ms, None if kind == Kind.MESSAGE else payload

    def _show(self, chat: _Chat, entry: Entry, meaning: facts.Meaning) -> None:
        row = self._row(chat, entry, meaning)
        if isinstance(meaning, facts.Joined | facts.Created) and entry.seq > chat.released + 1:
            joined = meaning.users if isinstance(meaning, facts.Joined) else (self._user,)
            if self._user in joined:
                self._feed.release_to(chat.key, entry.seq - 1)
                chat.released = entry.seq - 1
        if entry.seq == chat.released + 1 and not chat.held:
            self._feed.add(*row)
            chat.released = entry.seq
        else:
            self._feed.hold(*row, logged=self._logged)
            chat.held = True

    def _post(
        self, chat: _Chat, entry: Entry, meaning: facts.Posted | facts.Erased, local: int | None
    ) -> None:
        erased = isinstance(meaning, facts.Erased)
        (recalled,) = self._con.execute(
            "INSERT INTO message (chat, seq, sender, at_ms, body, recall_seq, local)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (chat, seq) DO UPDATE SET sender = excluded.sender, at_ms = excluded.at_ms,"
            " body = CASE WHEN recall_seq THEN NULL ELSE excluded.body END, local = excluded.local,"
            " recall_seq = max(recall_seq, excluded.recall_seq) RETURNING recall_seq",
            (
                chat.key,
                entry.seq,
                entry.sender,
                entry.at_ms,
                None if erased else entry.payload,
                entry.seq if erased else 0,
                local,
            ),
        ).fetchone()
        chat.changed_ms = max(chat.changed_ms, entry.at_ms)
        chat.recount = chat.recount or erased  # the server's word may have had it
        counts = entry.seq > chat.base and entry.seq > chat.read and entry.sender != self._user
        if counts and not recalled:
            chat.unread += 1

    def _change(self, chat: _Chat, entry: Entry, meaning: facts.Meaning) -> None:
        con, key, seq = self._con, chat.key, entry.seq
        match meaning:
            case facts.Edited(target=target):
                con.execute(
                    "INSERT INTO message (chat, seq, sender, at_ms, edit_seq, edit_ms, edit_body)"
                    " VALUES (?1, ?2, '', 0, ?3, ?4, ?5) ON CONFLICT (chat, seq) DO UPDATE SET"
                    " edit_seq = ?3, edit_ms = ?4, edit_body = ?5 WHERE edit_seq < ?3 AND recall_seq = 0",
                    (key, target, seq, entry.at_ms, edit_body(entry)),
                )
            case facts.Recalled(target=target):
                self._recall(chat, target, seq)
            case facts.Reacted(target=target, emoji=emoji, on=on):
                con.execute(
                    "INSERT INTO reaction (chat, target, user, emoji, seq, active)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                    " ON CONFLICT DO UPDATE SET seq = ?5, active = ?6 WHERE seq < ?5",
                    (key, target, entry.sender, emoji, seq, on),
                )
            case facts.Renamed(title=title) | facts.Created(title=title):
                con.execute(
                    "UPDATE chat SET title = ?1, title_seq = ?2 WHERE key = ?3 AND title_seq < ?2",
                    (title, seq, key),
                )
        members.change(con, self._user, key, entry, meaning)

    def _recall(self, chat: _Chat, target: int, seq: int) -> None:
        chat.recount = True
        row = self._con.execute(
            "SELECT sender, recall_seq FROM message WHERE chat = ? AND seq = ?", (chat.key, target)
        ).fetchone()
        self._con.execute(
            "INSERT INTO message (chat, seq, sender, at_ms, recall_seq) VALUES (?1, ?2, '', 0, ?3)"
            " ON CONFLICT (chat, seq) DO UPDATE SET body = NULL, edit_body = NULL,"
            " recall_seq = max(recall_seq, ?3)",
            (chat.key, target, seq),
        )
        counted = row is not None and row[0] not in ("", self._user) and not row[1] and target > chat.read
        if counted and seq > chat.base:  # else the server's word has it
            chat.unread = max(0, chat.unread - 1)

    def _mark_read(self, chat: _Chat, entry: Entry) -> None:
        if entry.sender != self._user:
            if members.mark_read(self._con, chat.key, entry.sender, entry.seq):
                self._feed.add(chat.key, entry.seq, Kind.READ, entry.sender, entry.at_ms, None)
            return
        if entry.seq <= chat.read:
            return
        chat.recount = True
        if entry.seq >= chat.base:
            chat.unread = unread.count(self._con, self._user, chat.key, entry.seq, chat.head)
        else:  # only the server knows all of them, so take away those known here
            known = unread.count(self._con, self._user, chat.key, chat.read, entry.seq)
            chat.unread = max(0, min(chat.unread - known, max(chat.head, chat.base) - entry.seq))
        chat.read = entry.seq
        self._feed.add(chat.key, entry.seq, Kind.READ, entry.sender, entry.at_ms, None)
