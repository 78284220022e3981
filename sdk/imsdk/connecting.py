"""`imsdk.connect`: puts a client together and runs it for as long as a block lasts."""

import secrets
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from random import Random, SystemRandom

import trio

from imsdk.client import Client
from imsdk.dialers import Dialer, SocketDialer, check_url
from imsdk.engine import Engine
from imsdk.media_interface import Transfers
from imsdk.settings import Settings, TokenProvider
from imsdk.store import MemoryStore, SqliteStore, Store


@asynccontextmanager
async def connect(
    url: str,
    *,
    token: str | None = None,
    token_provider: TokenProvider | None = None,
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
) -> AsyncIterator[Client]:
    """A chat client, connected in the background for as long as the block lasts.

    Enters at once, also without a network. After the block the state is STOPPED, iterators of the client end,
    and what it is asked to do raises `Stopped`.

    Args:
        url: `tcp://`, `tls://`, `ws://` or `wss://`, host and port.
        token: proves who the user is, made by the app's own backend; needed only when there is no session
            yet.
        token_provider: asked for a token whenever one is needed; takes the place of `token`.
        data_dir: folder for this user's data on this device. None keeps nothing beyond the block.
        device: name of this device; drawn at random when the data is new.
        store: takes the place of the store in `data_dir`.
        dialer: takes the place of sockets.
        transfers: takes the place of HTTP for media.
        ssl_context: for tls and wss; without one the system's trust is used.
        foreground: is the app in front?
        network: label of the current network, for the heartbeat.
        rng: for delays and ids of groups; a seeded one makes a run repeatable.
        now_ms: wall clock for display times of what is not acked yet.

    Raises:
        StorageLocked: another process uses `data_dir`.
        StorageNewer: a newer version wrote it.
        ValueError: the URL is none, or can never be right.
    """
    if dialer is None:
        check_url(url)
        dialer = SocketDialer(ssl_context=ssl_context)
    if token is None and token_provider is None:
        token = ""
    folder = None if data_dir is None else Path(data_dir)
    if store is None:
        store = MemoryStore() if folder is None else SqliteStore(folder)
    if transfers is None:
        from imsdk.media.transfers import HttpTransfers

        transfers = HttpTransfers(ssl_context=ssl_context)
    settings = Settings(
        url=url,
        store=store,
        dialer=dialer,
        rng=rng or SystemRandom(),
        now_ms=now_ms or _wall_ms,
        token=token,
        token_provider=token_provider,
        foreground=foreground,
        label=network,
    )
    async with _living(settings, transfers, folder, device or secrets.token_hex(8)) as client:
        yield client


@asynccontextmanager
async def _living(
    settings: Settings, transfers: Transfers, folder: Path | None, device: str
) -> AsyncIterator[Client]:
    """Open, run, close."""
    store = settings.store
    failure: Exception | None = None
    engine = Engine(settings, await store.open(device))
    try:
        with nullcontext(folder) if folder else _temporary() as place:
            client = Client(engine, transfers, place)
            await client.sweep()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.engine.run)
                nursery.start_soon(client.uploads.run)
                try:
                    yield client
                except Exception as error:  # noqa: BLE001
                    # Raised again outside of the nursery, which would wrap it: the app gets its own error.
                    failure = error
                nursery.cancel_scope.cancel()
    finally:
        engine.close()
        with trio.CancelScope(shield=True):
            await transfers.aclose()
            await store.close()
    if failure is not None:
        raise failure


@contextmanager
def _temporary() -> Iterator[Path]:
    """A folder for the media of a client that keeps nothing."""
    with tempfile.TemporaryDirectory(prefix="imsdk-") as folder:
        yield Path(folder)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
