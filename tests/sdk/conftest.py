"""A fake server, and clients of it whose stores can be opened again like those of a killed process."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
import trio

import imsdk
from imsdk.testing import Server

T = TypeVar("T")
Open = Callable[..., AbstractAsyncContextManager[imsdk.Client]]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Open:
    """Opens a client of `server`; one with a `home` keeps its data there for the next time."""

    @asynccontextmanager
    async def open_client(user: str, home: str | None = None, **options: Any) -> AsyncIterator[imsdk.Client]:
        folder = None if home is None else tmp_path / home
        store = None if folder is None else imsdk.SqliteStore(folder, inline=True)
        options.setdefault("store", store)
        options.setdefault("data_dir", folder)
        options.setdefault("dialer", server.dialer())
        options.setdefault("transfers", server.transfers())
        options.setdefault("rng", Random(1))
        if "token_provider" not in options:
            options.setdefault("token", server.token(user))
        async with imsdk.connect(server.url, **options) as im:
            yield im

    return open_client


async def take(messages: AsyncIterator[imsdk.Message], count: int) -> list[imsdk.Message]:
    """The next `count` messages; a test that waits in vain fails by its own time limit."""
    found: list[imsdk.Message] = []
    with trio.fail_after(600):
        while len(found) < count:
            found.append(await anext(messages))
    return found


def texts(messages: list[imsdk.Message] | tuple[imsdk.Message, ...]) -> list[str]:
    """What plain text messages say."""
    return [m.content.text if isinstance(m.content, imsdk.Text) else repr(m.content) for m in messages]


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine that never waits: the store in memory."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise AssertionError("it waited")
