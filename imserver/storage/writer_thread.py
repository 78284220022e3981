"""A thread that owns the writing connection and runs whole transactions on it.

aiosqlite would do, and does for reads. Here its crossing (two event loops, a future, a task) is what holds
the append back in small batches; docs/storage.md has the figures.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, NoReturn, TypeVar, cast

import outcome
import trio

from imserver.storage.model import StoreBroken
from imserver.storage.schema import Connect, open_outside, open_writer
from imserver.storage.writing import Writer

#: Without a job for so long the writer rests.
REST_S: Final = 0.1

T = TypeVar("T")


class WriterThread:
    """Call from one trio run only. What is handed over is done in that order, and done whole."""

    def __init__(self, path: Path, connect: Connect = sqlite3.connect) -> None:
        self._path = path
        self._connect = connect
        self._token = trio.lowlevel.current_trio_token()
        self._jobs: SimpleQueue[tuple[trio.lowlevel.Task, Callable[[Writer | None], Any]] | None]
        self._jobs = SimpleQueue()
        self._writer: Writer | None = None
        self._stopped = False
        self._failure: Exception | None = None
        self._failed = trio.Event()
        # A daemon: when the main thread dies of something else, the process must end (G7), not wait for it.
        self._thread = Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def writer(self) -> Writer:
        """For what any thread may ask it, once it is `opened`."""
        assert self._writer is not None
        return self._writer

    async def opened(self) -> None:
        """Open the database. Raises what `open_writer` raises."""

        def work(_: Writer | None) -> None:
            guard = partial(open_outside, self._path, self._connect)
            self._writer = Writer(open_writer(self._path, self._connect), guard)
            self._writer.settle()

        await self._cross(work)

    async def run(self, work: Callable[[Writer], T]) -> T:
        """Run `work` after what was handed over earlier; once handed over it is not cancelled."""
        await trio.lowlevel.checkpoint_if_cancelled()
        return await self._cross(cast(Callable[[Writer | None], T], work))

    async def failed(self) -> NoReturn:
        """Wait until work failed that nobody had asked for, and raise what it raised."""
        await self._failed.wait()
        assert self._failure is not None
        raise self._failure

    async def stop(self) -> None:
        """Finish what was handed over, close the connection, end the thread."""

        def work(writer: Writer | None) -> None:
            if writer is not None:
                writer.close()

        if not self._stopped:
            self._stopped = True
            try:
                await self._cross(work)
            finally:
                self._jobs.put(None)
                # It ends at once: the queue is empty but for this.
                self._thread.join()

    async def _cross(self, work: Callable[[Writer | None], T]) -> T:
        self._jobs.put((trio.lowlevel.current_task(), work))
        # The thread cannot be stopped, and a caller who gave up early would not know whether it was done.
        # So a cancellation waits and comes at the caller's next checkpoint.
        return cast(T, await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED))

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            task, work = job
            result = outcome.capture(work, self._writer)
            del job, work
            try:
                self._token.run_sync_soon(trio.lowlevel.reschedule, task, result)
            except trio.RunFinishedError:
                return
            del task, result

    def _next(self) -> tuple[trio.lowlevel.Task, Callable[[Writer | None], Any]] | None:
        """The next job. Where there is none for a while the tables follow the journal, at nobody's cost."""
        writer = self._writer
        if writer is not None and writer.unsettled:
            try:
                return self._jobs.get(timeout=REST_S)
            except Empty:
                try:
                    writer.settle()
                except (StoreBroken, sqlite3.Error) as error:
                    self._failure = error
                    with suppress(trio.RunFinishedError):
                        self._token.run_sync_soon(self._failed.set)
        return self._jobs.get()
