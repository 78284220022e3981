"""What an app iterates: messages, changes, connection states.

Plain iterator objects, not async generators: a loop may be left at any point and nothing has to be closed.
All end with the client: after what was found before, when its block is left.
None of them holds a queue of its own; messages and changes are read from the store in chunks, so a slow app
costs no memory.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from imsdk.changes import Change, change_of_feed, change_of_signal
from imsdk.errors import Stopped
from imsdk.message import Message, message_of_feed
from imsdk.state import ConnectionState
from imsdk.wakeup import Bell

if TYPE_CHECKING:
    from imsdk.engine import Engine

T = TypeVar("T")

#: Rows read from the store at once.
CHUNK: Final = 100


class _Ids:
    """The server's ids of conversations, remembered once known."""

    def __init__(self, engine: "Engine") -> None:
        self._store = engine.store
        self._known: dict[int, int] = {}

    async def of(self, chat: int) -> int:
        number = self._known.get(chat, 0)
        if not number:
            row = await self._store.chat(chat)
            number = 0 if row is None else row.id
            if number:
                self._known[chat] = number
        return number


class _Stream(AsyncIterator[T]):
    """What `_look` finds, again after each ring of `bell`."""

    def __init__(self, engine: "Engine", bell: Bell) -> None:
        self._engine = engine
        self._bell = bell
        self._found: deque[T] = deque()

    async def _look(self) -> None:
        """Put what is new into `_found`."""
        raise NotImplementedError

    async def __anext__(self) -> T:
        while not self._found:
            rung = self._bell.listen()
            with suppress(Stopped):  # the store was closed meanwhile
                await self._look()
            if not self._found:
                if self._engine.closed:
                    raise StopAsyncIteration
                await rung.wait()
        return self._found.popleft()


class Messages(_Stream[Message]):
    """Messages after `after`, or after the last `done` when it is None."""

    def __init__(self, engine: "Engine", after: int | None) -> None:
        super().__init__(engine, engine.feed_bell)
        self._ids = _Ids(engine)
        self._position = after

    async def _look(self) -> None:
        engine = self._engine
        if self._position is None:
            self._position = (await engine.store.identity()).done
        for row in await engine.store.feed(self._position, CHUNK, messages=True):
            self._found.append(message_of_feed(row, await self._ids.of(row.chat), engine.user))
            self._position = row.position


class Changes(_Stream[Change]):
    """Changes from the first step of the iteration on."""

    def __init__(self, engine: "Engine") -> None:
        super().__init__(engine, engine.feed_bell)
        self._ids = _Ids(engine)
        self._position: int | None = None
        self._seen = 0

    async def _look(self) -> None:
        engine = self._engine
        if self._position is None:
            self._seen = engine.signals.seen.count
            self._position = await engine.store.feed_head()
        for row in await engine.store.feed(self._position, CHUNK, messages=False):
            self._add(change_of_feed(row, await self._ids.of(row.chat)))
            self._position = row.position
        self._seen, news = engine.signals.seen.after(self._seen)
        for signal in news:
            self._add(change_of_signal(signal))

    def _add(self, change: Change | None) -> None:
        if change is not None:
            self._found.append(change)


class States(_Stream[ConnectionState]):
    """The state now, then each change; who is slow misses old ones, never the newest."""

    def __init__(self, engine: "Engine") -> None:
        super().__init__(engine, engine.state_bell)
        self._seen = engine.states.count - 1

    async def _look(self) -> None:
        self._seen, news = self._engine.states.after(self._seen)
        self._found += news
