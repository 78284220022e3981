"""What a conversation takes and refuses, against the fake server."""

from collections.abc import Awaitable, Callable

import pytest
from trio.testing import MockClock

import imsdk
from imsdk.testing import Server
from tests.sdk.conftest import Open, take

Command = Callable[[imsdk.Conversation, imsdk.Message], Awaitable[object]]


@pytest.mark.parametrize(
    "command",
    [
        lambda chat, message: chat.send("yes", reply_to=message),
        lambda chat, message: chat.edit(message, "no"),
        lambda chat, message: chat.recall(message),
        lambda chat, message: chat.react(message, "👍"),
        lambda chat, message: chat.unreact(message, "👍"),
        lambda chat, message: chat.mark_read(message),
        lambda chat, message: chat.receipt(message),
        lambda chat, message: chat.history(before=message),
    ],
    ids=["send", "edit", "recall", "react", "unreact", "mark_read", "receipt", "history"],
)
async def test_a_message_of_another_conversation_is_refused_and_nothing_is_hit(
    autojump_clock: MockClock, client: Open, command: Command
) -> None:
    async with client("alice") as im:
        for peer in ("bob", "carol"):
            await (await (await im.conversation(with_user=peer)).send(f"for {peer}")).acked()
        _, other = await take(im.messages(), 2)
        chat = await im.conversation(with_user="bob")
        with pytest.raises(ValueError, match="another conversation"):
            await command(chat, other)
        assert await im.pending() == ()


async def test_nothing_is_marked_read_that_is_not_here_and_the_unread_count_stays(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice") as im:
        await im.synced()
        server.post("bob", "alice", "hi")
        await take(im.messages(), 1)
        (chat,) = await im.conversations()
        with pytest.raises(ValueError, match="the newest is 2"):
            await chat.mark_read(1_000_000)
        await chat.refresh()
        assert (chat.read, chat.unread) == (0, 1)
        assert await im.pending() == ()


async def test_a_mark_that_the_server_refuses_goes_back_with_the_unread_count(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """The last one accepted stands, also when several on the way are refused."""
    async with client("alice") as im:
        await im.synced()
        for text in ("one", "two", "three"):
            server.post("bob", "alice", text)
        await take(im.messages(), 3)
        (chat,) = await im.conversations()
        accepted = await chat.mark_read(2)
        assert accepted is not None
        await accepted.acked()
        server.refuse(imsdk.Code.FORBIDDEN, times=2)
        refused = [await chat.mark_read(3), await chat.mark_read(4)]
        await chat.refresh()
        assert (chat.read, chat.unread) == (4, 0)
        for sent in refused:
            assert sent is not None
            with pytest.raises(imsdk.Refused):
                await sent.acked()
        await chat.refresh()
        assert (chat.read, chat.unread) == (2, 2)
