"""The local store in SQLite: one connection, one transaction a method. `database` says how it is opened."""

# ruff: noqa: S608 - what is put into statements are constants of this package, never data

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from improtocol.commands import Action
from improtocol.digest import DIGEST_MAX, sum_terms
from improtocol.entries import Entry
from improtocol.frames import Connected, Result
from improtocol.queries import ConversationInfo, HistoryPage, MemberInfo
from imsdk.errors import StorageError
from imsdk.store import feed, forgetting, members, outbox, reading, snapshot
from imsdk.store.database import Connect, Database
from imsdk.store.projection import Projection
from imsdk.store.rows import (
    ChatRow,
    Committed,
    FeedRow,
    GapReason,
    HistoryRows,
    Identity,
    MemberRow,
    MessageRow,
    OutboxRow,
    Settled,
)

P = ParamSpec("P")
T = TypeVar("T")

FILE_NAME: Final = "chat.sqlite"
_IDENTITY: Final = (
    "device, user, session, secret, epoch, cursor, acked, assigned, done, heartbeat, base, digest"
)


class SqliteStore:
    """A store in `folder`/chat.sqlite, or in memory when `folder` is None.

    Args:
        folder: made when it is not there; locked against other processes while open.
        inline: run statements in the calling thread. For tests under a virtual clock, which does not wait for
            threads.
        connection: a set up database that outlives this store, so that a simulated process can be killed
            and come back.
        connect: opens a connection; a simulated disk has its own.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        inline: bool = False,
        connection: sqlite3.Connection | None = None,
        connect: Connect = sqlite3.connect,
    ) -> None:
        inline = inline or folder is None
        self._database = Database(folder, inline=inline, connection=connection, connect=connect)
        self._run = self._database.run
        self._user = ""

    # Open and close ---------------------------------------------------------------------------------

    async def open(self, device: str) -> Identity:
        await self._database.open()
        try:
            identity = await self._run(_start, device)
        except StorageError:
            await self.close()
            raise
        self._user = identity.user
        return identity

    async def close(self) -> None:
        await self._database.close()

    async def identity(self) -> Identity:
        return await self._run(_identity)

    # The session ------------------------------------------------------------------------------------

    async def attach(self, frame: Connected) -> Identity:
        identity = await self._run(_attach, frame)
        self._user = identity.user
        return identity

    async def detach(self) -> None:
        await self._run(_execute, "UPDATE state SET session = 0, secret = x''")

    async def skip_counters(self, accepted: int) -> None:
        await self._run(_execute, "UPDATE state SET assigned = max(assigned, ?)", accepted)

    async def save_heartbeat(self, state: str) -> None:
        await self._run(_execute, "UPDATE state SET heartbeat = ?", state)

    # The log ----------------------------------------------------------------------------------------

    async def commit_events(
        self,
        entries: Sequence[Entry],
        end: int,
        delivered: Sequence[tuple[int, str, int]] = (),
        proof: tuple[int, int | None] = (0, None),
    ) -> Committed:
        return await self._run(_commit_events, self._user, entries, end, delivered, proof)

    async def rewind(self, position: int, upto: int) -> None:
        await self._run(_rewind, position, upto)

    async def feed_mark(self) -> int:
        return await self._run(_number, "SELECT coalesce(max(id), 0) FROM feed")

    async def close_holes(self, mark: int) -> None:
        await self._run(feed.close_holes, mark)

    async def take_infos(
        self, infos: Sequence[ConversationInfo], *, all_pages: bool = False
    ) -> tuple[tuple[int, int], ...]:
        return await self._run(snapshot.take_infos, self._user, infos, all_pages=all_pages)

    async def take_newest(self, chat: int, page: HistoryPage, reason: GapReason) -> None:
        await self._run(snapshot.take_newest, self._user, chat, page, reason)

    async def take_history(self, chat: int, page: HistoryPage, before: int) -> None:
        await self._run(snapshot.take_history, self._user, chat, page, before)

    async def take_members(self, chat: int, infos: Sequence[MemberInfo], head: int) -> bool:
        return await self._run(snapshot.take_members, self._user, chat, infos, head)

    async def end_resync(
        self,
        *,
        cursor: int,
        head: int,
        epoch: int,
        present: Sequence[int],
        accepted: int,
        forgotten: bool,
        restored: bool,
    ) -> None:
        await self._run(
            snapshot.end_resync,
            cursor=cursor,
            head=head,
            epoch=epoch,
            present=present,
            accepted=accepted,
            forgotten=forgotten,
            restored=restored,
        )

    # The outbox -------------------------------------------------------------------------------------

    async def enqueue(self, chat: int, action: Action | None, draft: str | None, now_ms: int) -> int:
        return await self._run(outbox.enqueue, self._user, chat, action, draft, now_ms)

    async def window(self, after: int, limit: int) -> tuple[tuple[int, Action], ...]:
        return await self._run(outbox.window, after, limit)

    async def settle(self, results: Sequence[Result]) -> tuple[Settled, ...]:
        return await self._run(outbox.settle, self._user, results)

    async def make_ready(self, local: int, action: Action) -> None:
        await self._run(outbox.make_ready, local, action)

    async def fail(self, local: int, code: int, reason: str) -> None:
        await self._run(outbox.fail, local, code, reason)

    async def save_progress(self, local: int, progress: str) -> None:
        await self._run(_execute, "UPDATE outbox SET progress = ? WHERE local = ?", progress, local)

    async def drafts(self) -> tuple[OutboxRow, ...]:
        return await self._run(outbox.rows_of, "draft IS NOT NULL AND action IS NULL AND code = 0")

    async def pending(self, chat: int | None = None) -> tuple[OutboxRow, ...]:
        if chat is None:
            return await self._run(outbox.rows_of, outbox.KEPT)
        return await self._run(outbox.rows_of, f"{outbox.KEPT} AND chat = ?", chat)

    async def outbox_row(self, local: int) -> OutboxRow | None:
        rows = await self._run(outbox.rows_of, "local = ?", local)
        return rows[0] if rows else None

    async def last_local(self) -> int:
        return await self._run(outbox.last_local)

    async def discard(self, local: int) -> bool:
        return await self._run(outbox.discard, local)

    # Reading ----------------------------------------------------------------------------------------

    async def chats(self, limit: int) -> tuple[ChatRow, ...]:
        return await self._run(reading.chats, limit)

    async def chat(self, chat: int) -> ChatRow | None:
        return await self._run(reading.chat, chat)

    async def chat_of(self, conversation: int) -> int | None:
        return await self._run(reading.chat_of, conversation)

    async def chat_with(self, peer: str) -> int:
        return await self._run(reading.chat_with, peer)

    async def new_group(self, conversation: int, title: str, now_ms: int, action: Action) -> tuple[int, int]:
        def make(con: sqlite3.Connection) -> tuple[int, int]:
            key = reading.new_group(con, conversation, title, now_ms)
            return key, outbox.enqueue(con, self._user, key, action, None, now_ms)

        return await self._run(make)

    async def stale_chats(self, limit: int, after: int = 0) -> tuple[tuple[int, int], ...]:
        return await self._run(reading.stale_chats, limit, after)

    async def members(self, chat: int) -> tuple[MemberRow, ...]:
        return await self._run(members.listed, chat)

    async def message(self, chat: int, seq: int) -> MessageRow | None:
        return await self._run(reading.message, chat, seq)

    async def message_by_local(self, local: int) -> MessageRow | None:
        return await self._run(reading.message_by_local, local)

    async def history(self, chat: int, before: int, limit: int) -> HistoryRows:
        return await self._run(reading.history, chat, before, limit)

    async def feed(self, after: int, limit: int, *, messages: bool) -> tuple[FeedRow, ...]:
        return await self._run(reading.feed, after, limit, messages=messages)

    async def feed_head(self) -> int:
        return await self._run(_number, "SELECT position FROM state")

    async def done(self, position: int) -> None:
        await self._run(_execute, "UPDATE state SET done = max(done, ?)", position)


def _execute(con: sqlite3.Connection, statement: str, *values: object) -> None:
    con.execute(statement, values)


def _number(con: sqlite3.Connection, statement: str) -> int:
    return int(con.execute(statement).fetchone()[0])


def _start(con: sqlite3.Connection, device: str) -> Identity:
    con.execute("INSERT OR IGNORE INTO state (id, device) VALUES (1, ?)", (device,))
    return _identity(con)


def _identity(con: sqlite3.Connection) -> Identity:
    row = con.execute(f"SELECT {_IDENTITY} FROM state").fetchone()
    return Identity(**dict(zip(_IDENTITY.split(", "), row, strict=True)))


def _attach(con: sqlite3.Connection, frame: Connected) -> Identity:
    (epoch, user) = con.execute("SELECT epoch, user FROM state").fetchone()
    if not epoch:
        outbox.renumber(con, frame.accepted)
    # The epoch of a store that has one changes only at the end of a RESYNC, together with its cursor.
    con.execute(
        "UPDATE state SET user = ?, session = ?, secret = ?, epoch = ?, assigned = max(assigned, ?)",
        (user or frame.user, frame.session, frame.secret, epoch or frame.epoch, frame.accepted),
    )
    return _identity(con)


def _rewind(con: sqlite3.Connection, position: int, upto: int) -> None:
    con.execute("UPDATE state SET cursor = ?1, base = ?1, digest = 0, repair = ?2", (position, upto))


def _commit_events(
    con: sqlite3.Connection,
    user: str,
    entries: Sequence[Entry],
    end: int,
    delivered: Sequence[tuple[int, str, int]],
    proof: tuple[int, int | None],
) -> Committed:
    (again,) = con.execute("SELECT cursor < repair FROM state").fetchone()
    if not again:
        forgetting.make_way(con, user, entries)
    projection = Projection(con, user, logged=True, again=bool(again))
    for entry in entries:
        projection.apply(entry)
    projection.close()
    for conversation, member, seq in delivered:
        members.mark_delivered(con, conversation, member, seq)
    base, digest = proof
    added = sum_terms(entries)
    if digest is not None:
        digest = digest + added & DIGEST_MAX
    con.execute("UPDATE state SET cursor = ?, base = ?, digest = ?", (end, base, digest))
    return Committed(unreadable=projection.unreadable, digest=added)
