"""A seeded life of the SDK's store: sends, drafts, results, events, marks, log-ins, in any order."""

import json
import random
from collections.abc import Awaitable, Callable
from typing import Any, cast

from improtocol import Body, Text
from improtocol.commands import Action, Edit, MarkRead, Post, React, Recall
from improtocol.frames import Result
from imsdk.errors import StorageFull
from imsdk.store.sqlite import SqliteStore
from tests.crash.client_server import AT_MS, ROOM, ModelServer
from tests.crash.promises import Promises, digest


class ClientWork:
    """Calls the store and notes every promise; the server's progress is noted beside it."""

    def __init__(self, rng: random.Random, promises: Promises, full: Callable[[bool], None]) -> None:
        self._rng = rng
        self._promises = promises
        self._full = full
        self.server = ModelServer()
        self.progress: list[tuple[int, int, int]] = []
        self.chat = 0
        self._store: SqliteStore | None = None
        self._results: list[Result] = []
        self._own: list[int] = []
        self._drafts: list[int] = []
        self._sessions = 5
        self._texts = 0

    @property
    def store(self) -> SqliteStore:
        assert self._store is not None
        return self._store

    def attach(self, store: SqliteStore) -> None:
        """Go on with this store; results on their way to the old one are lost."""
        self._store = store
        self._results.clear()

    async def begin(self) -> None:
        """Log in and hear of the group."""
        await self._do(lambda: self.store.attach(self.server.connected(self._sessions)))
        await self._events(1)
        chat = await self.store.chat_of(ROOM)
        assert chat is not None
        self.chat = chat

    async def step(self) -> None:
        """One call of some kind, or something on the server."""
        draw = self._rng.random()
        if draw < 0.28:
            await self._send()
        elif draw < 0.38:
            await self._draft()
        elif draw < 0.52:
            await self._to_server()
        elif draw < 0.66:
            await self._settle()
        elif draw < 0.74:
            self._others()
        elif draw < 0.90:
            await self._events(self._rng.randrange(1, 9))
        else:
            await self._other_calls(draw)

    def note_server(self) -> None:
        """Where the server is at this point of the client's disk log."""
        self.progress.append(
            (self._promises.recorder.position, len(self.server.log), len(self.server.results))
        )

    def server_at(self, position: int) -> ModelServer:
        """The server as it was when the client's power went."""
        known = [(log, accepted) for at, log, accepted in self.progress if at <= position]
        return self.server.copy_at(*(known[-1] if known else (1, 0)))

    # Calls ------------------------------------------------------------------------------------------------

    async def _do(self, call: Callable[[], Awaitable[Any]], facts: list[Any] | None = None) -> Any:
        """Make a call; one in twenty meets a full disk first, which must change nothing."""
        noted: list[Any] = [] if facts is None else facts
        if self._rng.random() < 0.05:
            self._full(True)
            try:
                return await self._promises.note(call, self._state, noted)
            except StorageFull:
                self._promises.forget_last()
            finally:
                self._full(False)
        return await self._promises.note(call, self._state, noted)

    def _state(self) -> bytes:
        return digest(cast(Any, self.store)._database._connection)

    async def _send(self) -> None:
        action, text = self._action()
        await self._do(
            lambda: self.store.enqueue(self.chat, action, None, AT_MS), [("sent", text)] if text else []
        )

    def _action(self) -> tuple[Action, str]:
        draw = self._rng.random()
        if not self._own or draw < 0.6:
            text = self._text()
            return Post(conversation=ROOM, body=Body(content=Text(text))), text
        target = self._rng.choice(self._own)
        if draw < 0.7:
            return Edit(conversation=ROOM, target=target, body=Body(content=Text("edited"))), ""
        if draw < 0.8:
            return Recall(conversation=ROOM, target=target), ""
        if draw < 0.9:
            return React(conversation=ROOM, target=target, emoji="👍", on=draw < 0.85), ""
        return MarkRead(conversation=ROOM, seq=self._rng.randrange(1, self.server.seq + 1)), ""

    def _text(self) -> str:
        self._texts += 1
        return f"text {self._texts} " + "字" * self._rng.choice((0, 30, 900))

    async def _draft(self) -> None:
        if not self._drafts or self._rng.random() < 0.4:
            draft = json.dumps({"file": "shoes.jpg"})
            self._drafts.append(await self._do(lambda: self.store.enqueue(self.chat, None, draft, AT_MS)))
            return
        local = self._drafts[0]
        draw = self._rng.random()
        if draw < 0.4:
            await self._do(lambda: self.store.save_progress(local, json.dumps({"offset": draw})))
            return
        self._drafts.pop(0)
        if draw < 0.8:
            text = self._text()
            ready = Post(conversation=ROOM, body=Body(content=Text(text)))
            await self._do(lambda: self.store.make_ready(local, ready), [("sent", text)])
        elif draw < 0.9:
            await self._do(lambda: self.store.fail(local, 507, "too large"))
        else:
            await self._do(lambda: self.store.discard(local))

    async def _to_server(self) -> None:
        """The network carries a part of the window; the server may have had it before."""
        acked = (await self.store.identity()).acked
        window = await self.store.window(acked, 32)
        for counter, action in window[: self._rng.randrange(1, 8)]:
            result = self.server.accept(counter, action)
            if all(known.counter != counter for known in self._results):
                self._results.append(result)
        self.note_server()

    async def _settle(self) -> None:
        count = self._rng.randrange(1, 6)
        results, self._results = self._results[:count], self._results[count:]
        if results:
            for settled in await self._do(lambda: self.store.settle(results)):
                (action,) = {
                    a for a, r in self.server.results if r.value == settled.seq and isinstance(a, Post)
                } or (None,)
                if action is not None:
                    self._own.append(settled.seq)

    def _others(self) -> None:
        if self._rng.random() < 0.7:
            for _ in range(self._rng.randrange(1, 5)):
                self.server.bob_posts(self._text())
        else:
            self.server.bob_reads()
        self.note_server()

    async def _events(self, count: int) -> None:
        cursor = (await self.store.identity()).cursor
        end = min(cursor + count, len(self.server.log))
        if end > cursor:
            delivered = [(ROOM, "bob", 1)] if cursor else []
            await self._do(lambda: self.store.commit_events(self.server.events(cursor, end), end, delivered))

    async def _other_calls(self, draw: float) -> None:
        if draw < 0.92:
            await self._do(lambda: self.store.save_heartbeat(json.dumps({"wifi": self._rng.randrange(99)})))
        elif draw < 0.95:
            head = await self.store.feed_head()
            await self._do(lambda: self.store.done(self._rng.randint(0, head)))
        elif draw < 0.97:
            await self._do(lambda: self.store.chat_with(f"guest{self._rng.randrange(9)}"))
        else:
            await self._do(self.store.detach)
            self._sessions += 1
            await self._do(lambda: self.store.attach(self.server.connected(self._sessions)))
            self._results.clear()
