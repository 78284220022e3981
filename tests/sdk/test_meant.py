"""What a client says to arguments that cannot be meant."""

import pytest
import trio
from trio.testing import MockClock

from imsdk.testing import Server
from tests.sdk.conftest import Open, take, texts


async def test_what_was_never_shown_cannot_be_done_with(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """Else everything up to there would be swallowed, silently."""
    async with client("alice") as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("one")).acked()
        (message,) = await take(im.messages(), 1)
        with pytest.raises(ValueError, match=f"position {message.position + 1}"):
            await im.done(message.position + 1)
        (from_history,) = (await chat.history()).messages
        with pytest.raises(ValueError, match=r"im.messages\(\)"):
            await im.done(from_history)
        assert texts(await take(im.messages(), 1)) == ["one"]


async def test_what_was_never_sent_has_no_end(autojump_clock: MockClock, client: Open) -> None:
    async with client("alice") as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("one")).acked()
        for local_id in (9999, 0):
            with pytest.raises(LookupError, match=str(local_id)):
                await im.sent(local_id).acked()


async def test_one_string_is_no_list_of_users(autojump_clock: MockClock, client: Open) -> None:
    async with client("alice") as im:
        chat = await im.conversation(with_user="bob")
        with pytest.raises(TypeError, match="one string"):
            await chat.send("hi", mentions="abc")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="one string"):
            await im.create_group("Team", members="abc")  # type: ignore[arg-type]


async def test_a_plain_function_may_provide_tokens(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", token_provider=lambda: server.token("alice")) as im:
        with trio.fail_after(5):
            await im.connected()
        assert im.user == "alice"


async def test_history_of_a_new_conversation_is_complete_only_when_the_server_has_been_heard(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    server.post("bob", "alice", "old")
    server.offline()
    async with client("alice") as im:
        chat = await im.conversation(with_user="bob")
        page = await chat.history()
        assert (page.messages, page.complete, page.offline) == ((), False, True)
        server.online()
        await im.synced()
        assert texts((await chat.history()).messages) == ["old"]
        page = await (await im.conversation(with_user="carol")).history()
        assert (page.messages, page.complete, page.offline) == ((), True, False)
