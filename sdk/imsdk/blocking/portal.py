"""The event loop's thread, and how calls get there and back."""

import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final, ParamSpec, TypeVar

import trio

from imsdk.ending import first_of
from imsdk.errors import Stopped

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: A callback that runs when the client closes may take so long to end.
GRACE_S_MAX: Final = 5.0
_CLOSED: Final = "this client is closed"
_log: Final = logging.getLogger("imsdk.blocking")


class Portal:
    """Runs a trio program in a thread of its own and lets other threads call into it.

    A call raises what its function raises. When the program ends, calls under way and later ones raise
    `Stopped`.
    """

    def __init__(self) -> None:
        self._entered = threading.Event()
        self._thread = threading.Thread(target=self._run, name="imsdk", daemon=True)
        self._program: Callable[[], Awaitable[None]] | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._failure: BaseException | None = None
        self._calls: set[trio.CancelScope] = set()
        self._graces: set[trio.CancelScope] = set()
        self._running = False
        self._closing = False
        self._stop: trio.Event | None = None

    # From outside ----------------------------------------------------------------------------------

    def start(self, program: Callable[[], Awaitable[None]]) -> None:
        """Run `program` until it is told to stop; returns once it has said `enter`, or raises its error."""
        self._program = program
        self._thread.start()
        self._entered.wait()
        if not self._running:
            self._thread.join()
            failure, self._failure = self._failure, None
            raise failure or RuntimeError("the program ended before it was ready")

    def close(self) -> None:
        """Tell the program to stop, and wait for it, unless this is called from a thread it waits for.

        Raises:
            Exception: what ended the program, if it was not this call; only once.
        """
        with suppress(trio.RunFinishedError):
            if self._token is not None:
                self._token.run_sync_soon(self._begin_closing)
        if getattr(_waited_for, "by", None) is not self:
            self._thread.join()
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure

    @property
    def closed(self) -> bool:
        """No more calls are taken."""
        return self._closing or not self._thread.is_alive()

    def call(
        self,
        work: Callable[_P, Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """The result of `await work(...)` in the program's loop."""
        return self.call_within(None, partial(work, *args, **kwargs))

    def call_within(self, timeout_s: float | None, work: Callable[[], Awaitable[_T]]) -> _T:
        """As `call`, but raises `TimeoutError` after `timeout_s` seconds (None: never)."""
        if self.closed or self._token is None:
            raise Stopped(_CLOSED) from self._failure
        scope = trio.CancelScope()
        try:
            return trio.from_thread.run(self._guarded, work, timeout_s, scope, trio_token=self._token)
        except (trio.RunFinishedError, trio.Cancelled):
            raise Stopped(_CLOSED) from self._failure
        except KeyboardInterrupt:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(scope.cancel)
            raise

    def call_now(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The result of a function that does not wait, run in the loop's thread."""

        async def at_once() -> _T:
            return work(*args, **kwargs)

        return self.call(at_once)

    def iterate(self, make: Callable[[], AsyncIterator[_T]]) -> Iterator[_T]:
        """The items of an async iterator. Ends when the client closes."""
        items: AsyncIterator[_T] | None = None

        async def following() -> list[_T]:
            nonlocal items
            items = items or make()
            try:
                return [await anext(items)]
            except StopAsyncIteration:
                return []

        try:
            while found := self.call(following):
                yield found[0]
        except Stopped:
            if not self.closed:
                raise
        finally:
            if isinstance(items, AsyncGenerator):
                # RuntimeError: it still runs, because Ctrl-C ended the waiting; its call is being cancelled.
                with suppress(Stopped, RuntimeError):
                    self.call(items.aclose)

    # Inside ----------------------------------------------------------------------------------------

    def enter(self) -> None:
        """The program is ready for calls."""
        self._running = True
        self._entered.set()

    async def stopped(self) -> None:
        """Wait until `close` is called."""
        assert self._stop is not None
        await self._stop.wait()

    async def finish(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` to its end although the program is being stopped, for at most `GRACE_S_MAX`."""
        with trio.CancelScope(shield=True) as grace:
            self._graces.add(grace)
            self._set_deadline(grace)
            try:
                await work()
            finally:
                self._graces.discard(grace)
        if grace.cancelled_caught:
            _log.warning("a callback did not return within %s s of closing; it is left behind", GRACE_S_MAX)

    def waits_for_this_thread(self) -> None:
        """Called in a thread that the program waits for when it stops: there, `close` must not wait."""
        _waited_for.by = self

    async def _guarded(
        self, work: Callable[[], Awaitable[_T]], timeout_s: float | None, scope: trio.CancelScope
    ) -> _T:
        with scope:
            if timeout_s is not None:
                scope.deadline = trio.current_time() + timeout_s
            self._calls.add(scope)
            if self._closing:
                scope.cancel()
            try:
                return await work()
            finally:
                self._calls.discard(scope)
        if self._closing:
            raise Stopped(_CLOSED)
        raise TimeoutError(f"not done within {timeout_s} s; it goes on")

    def _begin_closing(self) -> None:
        self._closing = True
        for scope in self._calls:
            scope.cancel()
        for grace in self._graces:
            self._set_deadline(grace)
        if self._stop is not None:
            self._stop.set()

    def _set_deadline(self, grace: trio.CancelScope) -> None:
        if self._closing:
            grace.deadline = min(grace.deadline, trio.current_time() + GRACE_S_MAX)

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that closes
            self._failure = first_of(error)  # an app expects errors, not what nurseries make of them
        finally:
            self._entered.set()

    async def _main(self) -> None:
        assert self._program is not None
        self._stop = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        try:
            await self._program()
        finally:
            self._begin_closing()


_waited_for = threading.local()
