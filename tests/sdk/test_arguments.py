"""What an app gets wrong is a ValueError at the call; it breaks neither the store nor the connection."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import imsdk
from imsdk.testing import Server
from tests.sdk.conftest import Open

FILE = imsdk.File.from_bytes(b"x" * 1000, name="a.bin")
Call = Callable[[imsdk.Client, imsdk.Conversation, Any], object]
CALLS: dict[str, Call] = {
    "conversation": lambda im, _, wrong: im.conversation(id=wrong),
    "conversations": lambda im, _, wrong: im.conversations(limit=wrong),
    "done": lambda im, _, wrong: im.done(wrong),
    "messages": lambda im, _, wrong: im.messages(after=wrong),
    "sent": lambda im, _, wrong: im.sent(wrong),
    "watch": lambda im, _, wrong: im.watch(wrong),
    "network": lambda im, _, wrong: im.network_changed(wrong),
    "message": lambda _, chat, wrong: chat.message(wrong),
    "before": lambda _, chat, wrong: chat.history(before=wrong),
    "limit": lambda _, chat, wrong: chat.history(limit=wrong),
    "receipt": lambda _, chat, wrong: chat.receipt(wrong),
    "mark_read": lambda _, chat, wrong: chat.mark_read(wrong),
    "recall": lambda _, chat, wrong: chat.recall(wrong),
    "reply_to": lambda _, chat, wrong: chat.send(FILE, reply_to=wrong),
    "mentions": lambda _, chat, wrong: chat.send(FILE, mentions=[wrong]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_a_wrong_argument_is_told_and_breaks_nothing(
    autojump_clock: MockClock, client: Open, server: Server, tmp_path: Path, call: Call
) -> None:
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        im.watch("bob")
        for wrong in (b"x", 1.5, object(), [0]):
            with pytest.raises(ValueError, match="must be"):
                await done(call(im, chat, wrong))
        assert list((tmp_path / "phone" / "outbox").iterdir()) == []
        server.drop_connections()
        await trio.sleep(5)
        await (await chat.send("fine")).acked()
        assert [line.peer for line in await im.conversations()] == ["bob"]


async def done(result: object) -> None:
    """Await what a call gave, if that is to be awaited."""
    if isinstance(result, Awaitable):
        await result


@pytest.mark.parametrize("call", ["conversations", "limit"])
async def test_no_limit_is_none(autojump_clock: MockClock, client: Open, server: Server, call: str) -> None:
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        with pytest.raises(ValueError, match="limit must be"):
            await done(CALLS[call](im, chat, None))
        with pytest.raises(ValueError, match="limit must lie"):
            await done(CALLS[call](im, chat, -1))
        await (await chat.send("fine")).acked()


async def test_a_file_for_which_there_is_no_room_leaves_no_copy(
    autojump_clock: MockClock, client: Open, server: Server, tmp_path: Path
) -> None:
    class Full(imsdk.SqliteStore):
        async def enqueue(self, *args: Any) -> int:
            raise imsdk.StorageFull("there is no room on the device")

    store = Full(tmp_path / "phone", inline=True)
    async with client("alice", store=store, data_dir=tmp_path / "phone") as im:
        chat = await im.conversation(with_user="bob")
        with pytest.raises(imsdk.StorageFull):
            await chat.send(FILE)
        assert list((tmp_path / "phone" / "outbox").iterdir()) == []
