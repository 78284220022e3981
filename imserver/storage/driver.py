"""Where SQLite's blocking calls run: inline for tests and simulations, otherwise on threads of their own.

Work is handed over as a whole function, one crossing for one transaction: what is cancelled or dies between
two statements can then never leave half a transaction for the next commit to publish.
"""

import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol, TypeVar, cast

import aiosqlite
import outcome
import trio
import trio_asyncio

from imserver.storage.schema import Connect, open_outside, open_reader, open_writer
from imserver.storage.writer_thread import WriterThread
from imserver.storage.writing import Writer

#: Reads are short, so that two threads are enough to keep one slow page from delaying the rest.
READERS: Final = 2
#: Reads that share a crossing: a slow one among them keeps the others waiting.
READS_A_CROSSING_MAX: Final = 8

T = TypeVar("T")


#: Whether tables lack something.
Lacking = Callable[[Writer], bool]


def anything(writer: Writer) -> bool:
    """Where it is not known what is looked for."""
    return writer.unsettled


def nothing(_: Writer) -> bool:
    """For what never waits in the journal."""
    return False


def in_snapshot(work: Callable[[sqlite3.Connection], T], db: sqlite3.Connection) -> T:
    """Run `work` in one read transaction, so that all its statements see the same state.

    Where there is one already, the writer's (`Writer.read`), in that.
    """
    own = not db.in_transaction
    if own:
        db.execute("BEGIN")
    try:
        return work(db)
    finally:
        if own and db.in_transaction:
            db.execute("ROLLBACK")


class Driver(Protocol):
    """Runs work on the connections. Exceptions of the work are the caller's."""

    async def write(self, work: Callable[[Writer], T]) -> T:
        """Run `work` alone, after what was asked for earlier. Not cancelled once it was handed over."""

    async def read(self, work: Callable[[sqlite3.Connection], T], lacking: Lacking = anything) -> T:
        """Run `work`, which only reads, on a connection that sees every write that has returned.

        `lacking` says whether the tables may lack what it looks for; then they follow the journal first.
        """

    async def failed(self) -> NoReturn:
        """Wait until work failed that nobody had asked for, and raise what it raised."""


class InlineDriver:
    """No threads.

    The work is done before the call returns, so that a virtual clock cannot run ahead of it.
    """

    def __init__(self, path: Path, connect: Connect = sqlite3.connect) -> None:
        self.writer = Writer(open_writer(path, connect), partial(open_outside, path, connect))
        self._reader = open_reader(path, connect)

    async def write(self, work: Callable[[Writer], T]) -> T:
        await trio.lowlevel.checkpoint()
        return work(self.writer)

    async def read(self, work: Callable[[sqlite3.Connection], T], lacking: Lacking = anything) -> T:
        await trio.lowlevel.checkpoint()
        if lacking(self.writer) and not self.writer.settle():
            return self.writer.read(work)
        return work(self._reader)

    async def failed(self) -> NoReturn:
        await trio.sleep_forever()

    def close(self) -> None:
        """Give the connections back."""
        self._reader.close()
        self.writer.close()


@asynccontextmanager
async def inline_driver(path: Path, connect: Connect = sqlite3.connect) -> AsyncIterator[Driver]:
    """An `InlineDriver` for the length of a block."""
    driver = InlineDriver(path, connect)
    try:
        yield driver
    finally:
        driver.close()


class FunctionConnection(aiosqlite.Connection):
    """An aiosqlite connection that takes whole functions, each one crossing to its thread.

    aiosqlite's own methods cross once a statement: for a transaction that is several times 150 µs, and a
    cancellation between two of them leaves it open. `_execute` is what all its methods are made of.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        # A process that is ending must not wait for a thread that nobody stopped.
        self._thread.daemon = True

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Asyncio-flavoured: run `work` on the connection's thread."""
        return cast(T, await self._execute(work, self._conn))  # type: ignore[no-untyped-call]


class _Ask:
    """A read that waits for a reader: it gets one, or its outcome by way of another's."""

    __slots__ = ("called", "outcome", "reader", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        self.work = work
        self.called = trio.Event()
        self.reader: FunctionConnection | None = None
        self.outcome: outcome.Outcome[Any] | None = None


class ThreadDriver:
    """One thread of its own that writes, and a few that read by aiosqlite on trio-asyncio.

    Any trio task may call, whether it was started inside `open_loop()` or not. Reads that come while all
    readers are busy collect and share the next crossing, as writes do a commit: most cost less than it does.
    """

    def __init__(self, loop: Any, writer: WriterThread, readers: list[FunctionConnection]) -> None:
        self._loop = loop
        self._writer = writer
        self._free = readers
        self._asks: deque[_Ask] = deque()

    async def write(self, work: Callable[[Writer], T]) -> T:
        return await self._writer.run(work)

    async def read(self, work: Callable[[sqlite3.Connection], T], lacking: Lacking = anything) -> T:
        await trio.lowlevel.checkpoint_if_cancelled()
        if lacking(self._writer.writer) and not await self._writer.run(Writer.settle):
            return await self._writer.run(partial(Writer.read, work=work))
        ask = _Ask(work)
        if self._free:
            ask.reader = self._free.pop()
        else:
            await self._wait(ask)
        if ask.reader is not None:
            await self._cross(ask, ask.reader)
        assert ask.outcome is not None
        return cast(T, ask.outcome.unwrap())

    async def failed(self) -> NoReturn:
        await self._writer.failed()

    async def _wait(self, ask: _Ask) -> None:
        """Until `ask` has a reader, or its outcome."""
        self._asks.append(ask)
        try:
            await ask.called.wait()
        except trio.Cancelled:
            if ask.reader is not None:
                self._pass_on(ask.reader)  # it came in the very moment
            with suppress(ValueError):
                self._asks.remove(ask)
            raise

    async def _cross(self, ask: _Ask, reader: FunctionConnection) -> None:
        """Do `ask`, and others that wait, on the thread of `reader`."""
        asks = [ask]
        while self._asks and len(asks) < READS_A_CROSSING_MAX:
            asks.append(self._asks.popleft())

        def work(db: sqlite3.Connection) -> list[outcome.Outcome[Any]]:
            return [outcome.capture(one.work, db) for one in asks]

        # A statement cannot be stopped: the connection is free again when it is done, not when its
        # caller was cancelled.
        with trio.CancelScope(shield=True):
            try:
                outcomes = await self._loop.run_aio_coroutine(reader.run(work))
            except Exception as error:  # noqa: BLE001 - it is everybody's
                outcomes = [outcome.Error(error) for _ in asks]
            finally:
                self._pass_on(reader)
        for one, found in zip(asks, outcomes, strict=True):
            one.outcome = found
            one.called.set()

    def _pass_on(self, reader: FunctionConnection) -> None:
        """To who waits longest, if anybody does."""
        if self._asks:
            first = self._asks.popleft()
            first.reader = reader
            first.called.set()
        else:
            self._free.append(reader)


@asynccontextmanager
async def thread_driver(path: Path, connect: Connect = sqlite3.connect) -> AsyncIterator[Driver]:
    """A `ThreadDriver` for the length of a block, on the running asyncio loop or else its own.

    With its own, an exception of the block comes out in the `ExceptionGroup` of the loop's nursery; errors of
    opening the database never do.
    """
    async with AsyncExitStack() as stack:
        # The writer goes first, because it sets up the file, and outside of any nursery of ours.
        writer = await stack.enter_async_context(_writer_thread(path, connect))
        loop = trio_asyncio.current_loop.get()
        if loop is None:
            loop = await stack.enter_async_context(trio_asyncio.open_loop())
        readers = [await stack.enter_async_context(_reader(loop, path, connect)) for _ in range(READERS)]
        yield ThreadDriver(loop, writer, readers)


@asynccontextmanager
async def _writer_thread(path: Path, connect: Connect) -> AsyncIterator[WriterThread]:
    writer = WriterThread(path, connect)
    try:
        await writer.opened()
        yield writer
    finally:
        with trio.CancelScope(shield=True):
            await writer.stop()


@asynccontextmanager
async def _reader(loop: Any, path: Path, connect: Connect) -> AsyncIterator[FunctionConnection]:
    async def opened() -> FunctionConnection:
        connection = FunctionConnection(partial(open_reader, path, connect))
        await connection
        return connection

    with trio.CancelScope(shield=True):
        connection = await loop.run_aio_coroutine(opened())
    try:
        yield connection
    finally:
        with trio.CancelScope(shield=True):
            await loop.run_aio_coroutine(connection.close())
