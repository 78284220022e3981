"""A history that differs from the server's is found out, told, and healed."""

from collections.abc import Sequence
from typing import Any

import trio
from trio.testing import MockClock

import imsdk
from improtocol import Entry, pack
from improtocol.group_commands import Create, Leave
from imsdk.store.rows import Committed
from imsdk.streams import Changes
from imsdk.testing import Server
from tests.sdk.conftest import Open, take, texts


class Forgetful(imsdk.MemoryStore):
    """Drops, or spoils, a message on its way into the tables; the first `times` that it comes."""

    def __init__(self, text: str, times: int = 1, spoilt: str | None = None) -> None:
        super().__init__()
        self.payload, self.times = pack(text), times
        self.spoilt = None if spoilt is None else pack(spoilt)

    async def commit_events(self, entries: Sequence[Entry], end: int, *more: Any) -> Committed:
        kept = []
        for entry in entries:
            if entry.payload == self.payload and self.times:
                self.times -= 1
                if self.spoilt is not None:
                    spoilt = entry.kind, entry.at_ms, entry.sender, entry.conversation, entry.seq, self.spoilt
                    kept.append(Entry(*spoilt))
            else:
                kept.append(entry)
        return await super().commit_events(kept, end, *more)


async def notice(changes: Changes) -> imsdk.HistoryDiverged:
    """The next thing said about a difference."""
    with trio.fail_after(3600):
        while True:
            happened = await anext(changes)
            if isinstance(happened, imsdk.HistoryDiverged):
                return happened


async def begun(im: imsdk.Client) -> Changes:
    """Changes from this moment on."""
    changes = im.changes()
    with trio.move_on_after(0):
        await anext(changes)
    return changes


async def test_what_was_received_is_verified_at_the_next_ping_and_at_every_resume(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice") as im:
        await im.synced()
        assert im.verified_through == 0
        server.post("bob", "alice", "one")
        await take(im.messages(), 1)
        assert im.verified_through == 0, "nothing has confirmed it yet"
        await trio.sleep(700)
        assert im.verified_through == 2
        server.post("bob", "alice", "two")
        await take(im.messages(), 1)
        server.drop_connections()
        await trio.sleep(5)
        await im.synced()
        assert im.verified_through == im.statistics().verified_through == 3
        assert im.statistics().diverged == 0


async def test_sixteen_positions_are_verified_by_the_next_result(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice") as im:
        await im.synced()
        for number in range(20):
            server.post("bob", "alice", f"{number}")
        await take(im.messages(), 20)
        await trio.sleep(2)
        await (await (await im.conversation(with_user="bob")).send("answer")).acked()
        assert im.verified_through == 21


async def test_a_message_lost_on_its_way_into_the_store_is_found_and_fetched_again(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", store=Forgetful("lost")) as im:
        await im.synced()
        changes, messages = await begun(im), im.messages(after=0)
        for text in ("one", "lost", "three"):
            server.post("bob", "alice", text)
        assert texts(await take(messages, 1)) == ["one"]
        assert await notice(changes) == imsdk.HistoryDiverged(after=0, upto=4, healed=True)
        gap, *found = await take(messages, 3)
        assert gap.content == imsdk.Gap(first=3, last=3, reason=imsdk.GapReason.MISSING)
        assert texts(found) == ["three", "lost"], "the app saw the hole first, then what was in it"
        server.post("bob", "alice", "four")
        assert texts(await take(messages, 1)) == ["four"]
        await trio.sleep(700)
        assert (im.verified_through, im.statistics().diverged) == (5, 1)
        chat = await im.conversation(with_user="bob")
        assert (chat.unread, texts((await chat.history()).messages)) == (4, ["one", "lost", "three", "four"])


async def test_a_message_spoilt_on_its_way_into_the_store_is_put_right(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", store=Forgetful("right", spoilt="wrong")) as im:
        await im.synced()
        changes = await begun(im)
        server.post("bob", "alice", "right")
        assert texts(await take(im.messages(after=0), 1)) == ["wrong"]
        assert (await notice(changes)).healed
        await trio.sleep(5)
        chat = await im.conversation(with_user="bob")
        assert (chat.unread, texts((await chat.history()).messages)) == (1, ["right"])


async def test_what_differs_again_is_told_as_damage_and_the_chat_goes_on(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", store=Forgetful("right", times=99, spoilt="wrong")) as im:
        await im.synced()
        changes, messages = await begun(im), im.messages(after=0)
        server.post("bob", "alice", "right")
        assert (await notice(changes)).healed
        server.post("bob", "alice", "next")
        assert not (await notice(changes)).healed
        server.post("bob", "alice", "last")
        assert texts(await take(messages, 3)) == ["wrong", "next", "last"]
        await trio.sleep(1400)
        assert (im.verified_through, im.statistics().diverged) == (4, 2)


async def test_a_spoilt_message_of_a_group_that_one_has_left_is_put_right_at_the_next_resume(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """No page of that group is to be had any more; the log still has what one saw of it."""
    async with client("alice", "phone", store=Forgetful("right", spoilt="wrong")) as im:
        await im.synced()
        server.act("bob", Create(conversation=4711, title="group", members=("alice",)))
        server.post("bob", 4711, "right")
        changes, messages = await begun(im), im.messages(after=0)
        assert texts(await take(messages, 1)) == ["wrong"]
        server.act("alice", Leave(conversation=4711))
        server.drop_connections()
        assert (await notice(changes)).healed
        await im.synced()
        assert texts(await take(im.messages(after=0), 1)) == ["right"]
        server.post("bob", "alice", "next")
        assert texts(await take(messages, 1)) == ["next"]
        await trio.sleep(700)
        assert im.statistics().diverged == 1
        assert im.verified_through == 5


async def test_a_server_put_back_unnoticed_is_found_out_at_the_first_resume(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """Its log has grown beyond the cursor again, with other messages in the same places."""
    async with client("alice", "phone") as im:
        await im.synced()
        server.post("bob", "alice", "kept")
        server.backup()
        for number in range(3):
            server.post("bob", "alice", f"lost{number}")
        await take(im.messages(), 4)
        changes = await begun(im)
        server.offline()
        server.restore(unnoticed=True)
        for number in range(5):
            server.post("bob", "alice", f"new{number}")
        server.online()
        found = await notice(changes)
        assert (found.upto, found.healed) == (5, True)
        await im.synced()
        chat = await im.conversation(with_user="bob")
        assert texts((await chat.history()).messages) == ["kept", *(f"new{number}" for number in range(5))]
        await trio.sleep(700)
        assert im.verified_through == 7, "the stretch that differed has come again, and was compared"


async def test_a_server_put_back_unnoticed_that_is_behind_is_found_out_too(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
        server.post("bob", "alice", "kept")
        server.backup()
        server.post("bob", "alice", "lost")
        await take(im.messages(), 2)
        server.restore(unnoticed=True)
        await trio.sleep(5)
        await im.synced()
        server.post("bob", "alice", "new")
        await trio.sleep(5)
        chat = await im.conversation(with_user="bob")
        assert texts((await chat.history()).messages) == ["kept", "new"]


async def test_a_server_that_forgot_an_acked_message_is_found_out(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """The log tells a device nothing of its own messages, but its counter does."""
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("kept")).acked()
        server.backup()
        await (await chat.send("lost")).acked()
        server.restore(unnoticed=True)
        server.post("bob", "alice", "in its place")
        await trio.sleep(5)
        await im.synced()
        assert await (await chat.send("next")).acked() == 4
        assert texts((await chat.history()).messages) == ["kept", "in its place", "next"]


async def test_a_server_that_forgot_the_session_and_acked_messages_is_found_out_and_takes_new_ones(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """Of the device's own messages the log that it compares holds nothing, and CONNECT says no counter."""
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("kept")).acked()
        await im.logout()
    server.backup()
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("lost")).acked()
        changes = await begun(im)
        server.restore(unnoticed=True)
        sent = await chat.send("after")
        with trio.fail_after(60):
            assert (await notice(changes)).upto == im.engine.session.cursor
            assert await sent.acked() == 3
        await im.synced()
        assert texts((await chat.history()).messages) == ["kept", "after"]
    assert [content for _, content in server.messages("bob", "alice")] == [
        imsdk.Text("kept"),
        imsdk.Text("after"),
    ]


async def test_a_damaged_store_goes_on_repairing_after_a_kill(
    autojump_clock: MockClock, client: Open, server: Server, tmp_path: Any
) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
        for text in ("one", "two"):
            server.post("bob", "alice", text)
        await take(im.messages(), 2)
        await im.engine.store.rewind(0, 3)
    store = imsdk.SqliteStore(tmp_path / "phone", inline=True)
    await store.open("phone")
    await store._run(lambda con: con.execute("UPDATE message SET body = ? WHERE seq = 3", (pack("?"),)))
    await store.close()
    async with client("alice", "phone") as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        assert (chat.unread, texts((await chat.history()).messages)) == (2, ["one", "two"])
        assert im.statistics().diverged == 0
