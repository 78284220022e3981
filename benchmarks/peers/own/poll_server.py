"""HTTP long polling over SQLite, a commit for each message: the way most chats begin.

`POST /send?id=N&to=NAME` with the text as its body answers once the message is committed
(`synchronous=FULL`); the same id of the same sender again changes nothing. `GET /poll?after=N&wait=S` answers
`{"cursor": N, "messages": [...]}` once there is something after N, at the latest after S seconds, or when the
client asks for something else on this connection. `Authorization: Bearer NAME.PASSWORD` says who asks.
Run: `python poll_server.py PORT DATABASE`.
"""

import asyncio
import json
import re
import sqlite3
import sys

MESSAGES_MAX = 100
_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, inbox TEXT, sender TEXT, number INTEGER, body TEXT, UNIQUE (sender, number)
);
CREATE INDEX IF NOT EXISTS inbox ON message (inbox, id);
"""
_TARGET = re.compile(rb"(?:GET /poll\?after=(\d+)&wait=(\d+)|POST /send\?id=(\d+)&to=(\w+)) HTTP/1.1\r\n")
_USER = re.compile(rb"\r\nAuthorization: Bearer (\w+)\.")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)")


class Store:
    """Messages, and who waits for them."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.executescript(_SCHEMA)
        self.waiting: dict[str, set[Connection]] = {}

    def add(self, inbox: str, sender: str, number: int, body: str) -> None:
        """One durable message; whoever waits for it is answered."""
        self.db.execute(
            "INSERT OR IGNORE INTO message (inbox, sender, number, body) VALUES (?, ?, ?, ?)",
            (inbox, sender, number, body),
        )
        for connection in list(self.waiting.get(inbox, ())):
            connection.answer_poll()

    def after(self, inbox: str, cursor: int) -> tuple[int, list[str]]:
        """What came after a cursor, and the new one."""
        rows = self.db.execute(
            "SELECT id, body FROM message WHERE inbox = ? AND id > ? ORDER BY id LIMIT ?",
            (inbox, cursor, MESSAGES_MAX),
        ).fetchall()
        return (rows[-1][0] if rows else cursor), [row[1] for row in rows]


class Connection(asyncio.Protocol):
    """One HTTP connection, kept alive, with at most one poll held."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.buffer = b""
        self.poll: tuple[str, int, asyncio.TimerHandle] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.release()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (head_end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:head_end]
            length = _LENGTH.search(head)
            end = head_end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < end:
                return
            body = self.buffer[head_end + 4 : end].decode()
            self.buffer = self.buffer[end:]
            self.serve(head, body)

    def serve(self, head: bytes, body: str) -> None:
        """One request."""
        if self.poll is not None:
            self.answer_poll()
        target, user = _TARGET.match(head), _USER.search(head)
        if target is None or user is None:
            self.transport.close()
        elif target[3]:
            self.store.add(target[4].decode(), user[1].decode(), int(target[3]), body)
            self.answer("{}")
        else:
            self.hold(user[1].decode(), int(target[1]), int(target[2]))

    def hold(self, name: str, cursor: int, wait_s: int) -> None:
        """Answer at once if there is something, else when there is, or in time."""
        timer = asyncio.get_running_loop().call_later(wait_s, self.answer_poll)
        self.poll = name, cursor, timer
        self.store.waiting.setdefault(name, set()).add(self)
        if not wait_s or self.store.after(name, cursor)[1]:
            self.answer_poll()

    def answer_poll(self) -> None:
        """Answer the poll that is held with whatever there is."""
        assert self.poll is not None
        name, cursor, _ = self.poll
        self.release()
        cursor, messages = self.store.after(name, cursor)
        self.answer(json.dumps({"cursor": cursor, "messages": messages}, separators=(",", ":")))

    def release(self) -> None:
        """Hold no poll any more."""
        if self.poll is not None:
            name, _, timer = self.poll
            timer.cancel()
            self.poll = None
            waiting = self.store.waiting[name]
            waiting.discard(self)
            if not waiting:
                del self.store.waiting[name]

    def answer(self, text: str) -> None:
        """Write a response."""
        body = text.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


async def main() -> None:
    """Serve until killed."""
    store = Store(sys.argv[2])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(store), "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
