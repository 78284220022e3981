"""The client, for callers that block."""

import logging
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from copy import deepcopy
from functools import partial
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar

import trio

import imsdk
from imsdk.blocking.callbacks import Callbacks
from imsdk.blocking.conversation import Conversation
from imsdk.blocking.portal import Portal
from imsdk.blocking.sent import Sent
from imsdk.dialers import Dialer
from imsdk.media_interface import Transfers
from imsdk.store import Store

_P = ParamSpec("_P")
_T = TypeVar("_T")
_log: Final = logging.getLogger("imsdk.blocking")


class Client:
    """As `imsdk.Client`. Made by `connect`; close it, or use it in a `with` block."""

    def __init__(
        self,
        portal: Portal,
        opening: Callable[[], AbstractAsyncContextManager[imsdk.Client]],
        on_message: Callable[[imsdk.Message], object] | None,
        on_state: Callable[[imsdk.ConnectionState], object] | None,
        on_change: Callable[[imsdk.Change], object] | None,
    ) -> None:
        self._portal = portal
        self._opening = opening
        self._on_message = on_message
        self._on_state = on_state
        self._on_change = on_change
        self._im: imsdk.Client
        portal.start(self._program)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect and let go of everything; what was sent and not acked goes out next time.

        Waits for a callback that is running (a few seconds at most), unless called from one. Safe to repeat.

        Raises:
            ImError: what ended the client before this call, if something did.
        """
        self._portal.close()

    # The connection --------------------------------------------------------------------------------

    @property
    def user(self) -> str:
        return self._im.user

    @property
    def state(self) -> imsdk.ConnectionState:
        return self._im.state

    def states(self) -> Iterator[imsdk.ConnectionState]:
        """As `imsdk.Client.states`, for a thread that does nothing else. Ends when the client closes."""
        return self._portal.iterate(self._im.states)

    def connected(self, *, timeout_s: float | None = None) -> None:
        """As `imsdk.Client.connected`; raises `TimeoutError` after `timeout_s`."""
        self._portal.call_within(timeout_s, self._im.connected)

    def synced(self, *, timeout_s: float | None = None) -> None:
        """As `imsdk.Client.synced`; raises `TimeoutError` after `timeout_s`."""
        self._portal.call_within(timeout_s, self._im.synced)

    def foreground(self) -> None:
        self._portal.call_now(self._im.foreground)

    def background(self) -> None:
        self._portal.call_now(self._im.background)

    def network_changed(self, label: str = "") -> None:
        self._portal.call_now(self._im.network_changed, label)

    def logout(self, *, timeout_s: float | None = None) -> None:
        """As `imsdk.Client.logout`; raises `TimeoutError` after `timeout_s`."""
        self._portal.call_within(timeout_s, self._im.logout)

    @property
    def verified_through(self) -> int:
        """The log position up to which this device and the server are known to hold the same entries."""
        return self._portal.call_now(lambda: self._im.verified_through)

    def statistics(self) -> imsdk.Statistics:
        """A copy of the numbers as they are now."""
        return self._portal.call_now(lambda: deepcopy(self._im.statistics()))

    # Conversations and messages --------------------------------------------------------------------

    def conversation(self, *, with_user: str | None = None, id: int | None = None) -> Conversation:
        return self._chat(self._portal.call(self._im.conversation, with_user=with_user, id=id))

    def create_group(self, title: str, *, members: tuple[str, ...] | list[str] = ()) -> Conversation:
        return self._chat(self._portal.call(self._im.create_group, title, members=members))

    def conversations(self, *, limit: int = 200) -> list[Conversation]:
        return [self._chat(chat) for chat in self._portal.call(self._im.conversations, limit=limit)]

    def messages(self, after: int | None = None) -> Iterator[imsdk.Message]:
        """As `imsdk.Client.messages`, for a thread that does nothing else. Ends when the client closes."""
        return self._portal.iterate(partial(self._im.messages, after))

    def changes(self) -> Iterator[imsdk.Change]:
        """As `imsdk.Client.changes`, for a thread that does nothing else. Ends when the client closes."""
        return self._portal.iterate(self._im.changes)

    def done(self, message: imsdk.Message | int) -> None:
        self._portal.call(self._im.done, message)

    def sent(self, local_id: int) -> Sent:
        return Sent(self._portal, self._portal.call_now(self._im.sent, local_id))

    def pending(self) -> tuple[imsdk.OutboxRow, ...]:
        return self._portal.call(self._im.pending)

    # People and media ------------------------------------------------------------------------------

    def presence(self, *users: str) -> dict[str, tuple[bool, int]]:
        return self._portal.call(self._im.presence, *users)

    def watch(self, user: str) -> None:
        self._portal.call_now(self._im.watch, user)

    def download(
        self,
        message: imsdk.Message,
        *,
        thumbnail: bool = False,
        report: Callable[[int, int], None] | None = None,
    ) -> Path:
        """As `imsdk.Client.download`. `report` is called on the loop's thread and must return at once."""
        return self._portal.call(self._im.download, message, thumbnail=thumbnail, report=report)

    def in_loop(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run a function that does not wait in the loop's thread.

        For what belongs there, like the switches of `imsdk.testing.Server` in an app's own tests.
        """
        return self._portal.call_now(work, *args, **kwargs)

    # Inside ----------------------------------------------------------------------------------------

    def _chat(self, chat: imsdk.Conversation) -> Conversation:
        return Conversation(self._portal, chat)

    async def _program(self) -> None:
        async with self._opening() as im:
            self._im = im
            callbacks = Callbacks(self._portal)
            try:
                async with trio.open_nursery() as nursery:
                    if self._on_state is not None:
                        nursery.start_soon(partial(self._tell, callbacks, self._on_state, im.states()))
                    if self._on_change is not None:
                        nursery.start_soon(partial(self._tell, callbacks, self._on_change, im.changes()))
                    if self._on_message is not None:
                        nursery.start_soon(self._deliver, callbacks, self._on_message)
                    self._portal.enter()
                    await self._portal.stopped()
                    nursery.cancel_scope.cancel()
            finally:
                callbacks.close()

    async def _tell(
        self,
        callbacks: Callbacks,
        callback: Callable[[_T], object],
        source: AsyncIterator[_T],
    ) -> None:
        async for item in source:

            async def tell(item: _T = item) -> None:
                await callbacks.run(callback, item)

            await self._portal.finish(tell)

    async def _deliver(self, callbacks: Callbacks, callback: Callable[[imsdk.Message], object]) -> None:
        async for message in self._im.messages():

            async def deliver(message: imsdk.Message = message) -> None:
                if await callbacks.run(callback, message):
                    try:
                        await self._im.done(message)
                    except imsdk.StorageFull as error:
                        _log.warning("a message is not marked done; the next one marks it too: %s", error)

            # The callback has begun, so its end counts, also while the client is closing.
            await self._portal.finish(deliver)


def connect(
    url: str,
    *,
    on_message: Callable[[imsdk.Message], object] | None = None,
    on_state: Callable[[imsdk.ConnectionState], object] | None = None,
    on_change: Callable[[imsdk.Change], object] | None = None,
    token: str | None = None,
    token_provider: Callable[[], str] | None = None,
    data_dir: str | Path | None = None,
    device: str | None = None,
    store: Store | None = None,
    dialer: Dialer | None = None,
    transfers: Transfers | None = None,
    ssl_context: ssl.SSLContext | None = None,
    foreground: bool = True,
    network: str = "",
    rng: Random | None = None,
    now_ms: Callable[[], int] | None = None,
) -> Client:
    """A chat client with a thread of its own. Returns at once, also without a network.

    The callbacks run on one thread of their own. `on_message` is called with every message, in order, which
    is marked done when it returns; after an error in it, the message comes again in the next run unless a
    later one was done with. `on_state` is called with the connection's state now, then with each change;
    `on_change` with what happens besides messages: edits, reads, members, typing, presence. `token_provider`
    is called in a worker thread whenever a token is needed, and may block. All else is as for
    `imsdk.connect`.

    Raises:
        StorageLocked, StorageNewer, ValueError: as `imsdk.connect`.
    """
    provide = None if token_provider is None else partial(trio.to_thread.run_sync, token_provider)
    opening = partial(
        imsdk.connect,
        url,
        token=token,
        token_provider=provide,
        data_dir=data_dir,
        device=device,
        store=store,
        dialer=dialer,
        transfers=transfers,
        ssl_context=ssl_context,
        foreground=foreground,
        network=network,
        rng=rng,
        now_ms=now_ms,
    )
    return Client(Portal(), opening, on_message, on_state, on_change)
