"""What every image of the SDK's data folder must be after a power cut, and that all ends well from there."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from improtocol import Body, Entry, Kind, Text, pack_body
from improtocol.commands import Post
from imsdk.store.rows import GAP
from imsdk.store.sqlite import FILE_NAME, SqliteStore
from tests.crash.client_server import ROOM, ModelServer
from tests.crash.client_work import ClientWork
from tests.crash.promises import Promises, Violation, digest


async def check(folder: Path, promises: Promises, work: ClientWork, position: int) -> int:
    """Open the image with the plain library, hold it to all promises, then let the client go on.

    Returns the call it is as after.

    Raises:
        Violation: a promise is broken.
    """
    kept, _ = promises.at(position)
    path = folder / FILE_NAME
    index = -1
    if kept:
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as db:
                index = promises.check_state(digest(db), position)
                (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            raise Violation(f"SQLite cannot read it: {error}") from error
        if found != "ok":
            raise Violation(f"integrity_check: {found}")
    store = SqliteStore(folder, inline=True)
    await store.open("phone")
    try:
        server = work.server_at(position)
        await resolve(store, server)
        await check_end(store, server)
        check_sent(server, promises, kept)
    finally:
        await store.close()
    return index


async def resolve(store: SqliteStore, server: ModelServer) -> None:
    """What the engine does after a resume: unacked commands again, then the events that were missed."""
    identity = await store.identity()
    if not identity.session:
        identity = await store.attach(server.connected(99))
    if identity.cursor > len(server.log) or identity.acked > len(server.results):
        raise Violation(f"{identity} knows more than the server")
    for row in await store.drafts():
        again = Post(conversation=ROOM, body=Body(content=Text(f"draft {row.local}")))
        await store.make_ready(row.local, again)
    while True:
        acked = (await store.identity()).acked
        window = await store.window(acked, 32)
        if not window:
            break
        await store.settle([server.accept(counter, action) for counter, action in window])
    head = len(server.log)
    if identity.cursor < head:
        await store.commit_events(server.events(identity.cursor, head), head)


async def check_end(store: SqliteStore, server: ModelServer) -> None:
    """The device has every record once, in order, and the app sees every one once, in order (G4)."""
    if [row for row in await store.pending() if not row.code]:
        raise Violation("the outbox is not empty")
    con = cast(Any, store)._database._connection
    (chat,) = con.execute("SELECT key FROM chat WHERE id = ?", (ROOM,)).fetchone()
    if con.execute("SELECT first, last FROM span WHERE chat = ?", (chat,)).fetchall() != [(1, server.seq)]:
        raise Violation("numbers are missing")
    records = {entry.seq: entry for entry, _ in server.log if entry.kind != Kind.READ}
    recalled = {_target(entry) for entry in records.values() if entry.kind == Kind.RECALLED}
    messages = {seq: e for seq, e in records.items() if e.kind == Kind.MESSAGE}
    found = con.execute(
        "SELECT seq, sender, body FROM message WHERE chat = ? ORDER BY seq", (chat,)
    ).fetchall()
    expected = [
        (seq, e.sender, None if seq in recalled else e.payload) for seq, e in sorted(messages.items())
    ]
    if found != expected:
        raise Violation("messages differ from the server's")
    feed = con.execute(
        "SELECT position, seq, kind FROM feed WHERE chat = ? ORDER BY position", (chat,)
    ).fetchall()
    if any(position is None or kind == GAP for position, _, kind in feed):
        raise Violation("the feed holds something back or has a gap")
    shown = [seq for _, seq, kind in feed if kind != Kind.READ]
    if shown != sorted(records):
        raise Violation(f"the feed shows {shown}")
    positions = [row[0] for row in con.execute("SELECT position FROM feed ORDER BY position")]
    if positions != list(range(1, len(positions) + 1)):
        raise Violation("feed positions are not dense")


def check_sent(server: ModelServer, promises: Promises, kept: int) -> None:
    """What `send` returned for is on the server once; what it did not return for, at most once (G8)."""
    payloads = [bytes(entry.payload) for entry, _ in server.log if entry.kind == Kind.MESSAGE]
    for number, promise in enumerate(promises.made):
        for _, text in promise.facts:
            count = payloads.count(pack_body(Body(content=Text(text))))
            if count > 1 or (number < kept and not count):
                raise Violation(f"{text[:20]!r} is on the server {count} times")


def _target(entry: Entry) -> int:
    from improtocol import unpack

    values = unpack(entry.payload)
    assert isinstance(values, list)
    assert isinstance(values[0], int)
    return values[0]
