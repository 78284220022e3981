"""When the log cannot go on: retention and restores leave no silent gap."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import imsdk
from improtocol import Body, Code
from improtocol.commands import Create, Edit, Leave, React
from improtocol.queries import ConversationsPage, HistoryPage
from imsdk import resync
from imsdk.testing import Server, commands, questions
from tests.sdk.conftest import Open, take, texts


def after_the_first_list(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> list[ConversationsPage]:
    """Let `act` happen between the answer to the first question for a list and what follows; the answers."""
    answer = questions.conversations
    given: list[ConversationsPage] = []

    def answering(*arguments: Any) -> ConversationsPage:
        given.append(answer(*arguments))
        if len(given) == 1:
            act()
        return given[-1]

    monkeypatch.setattr(questions, "conversations", answering)
    return given


async def test_a_cursor_older_than_retention_gets_list_and_history_complete(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
        server.post("bob", "alice", "known")
        await take(im.messages(), 1)
        await im.done((await take(im.messages(), 1))[0])
    for number in range(300):
        server.post("bob", "alice", f"b{number}")
    server.post("carol", "alice", "c")
    server.trim_log("alice", keep=1)
    async with client("alice", "phone") as im:
        await im.synced()
        bob = await im.conversation(with_user="bob")
        assert bob.unread == 301
        assert [c.peer for c in await im.conversations()] == ["carol", "bob"] or len(
            await im.conversations()
        ) == 2
        messages = im.messages()
        gap = (await take(messages, 1))[0]
        assert gap.content == imsdk.Gap(first=3, last=102, reason=imsdk.GapReason.RETENTION)
        found = texts(await take(messages, 201))
        assert [t for t in found if t[0] == "b"] == [f"b{number}" for number in range(100, 300)]
        assert [t for t in found if t[0] == "c"] == ["c"]
        page = await bob.history(limit=1000)
        assert page.complete
        assert texts(page.messages) == ["known", *(f"b{number}" for number in range(300))]
        server.post("bob", "alice", "live")
        assert texts(await take(messages, 1)) == ["live"]


async def test_a_small_hole_is_filled_without_a_gap(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
        server.post("bob", "alice", "0")
        await take(im.messages(), 1)
    for number in range(1, 50):
        server.post("bob", "alice", f"{number}")
    server.trim_log("alice")
    async with client("alice", "phone") as im:
        assert texts(await take(im.messages(after=0), 50)) == [str(number) for number in range(50)]


async def test_after_a_restore_lost_messages_are_named_and_unacked_ones_arrive_once(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("kept")).acked()
        server.backup()
        for number in range(3):
            await (await chat.send(f"lost{number}")).acked()
        await take(im.messages(), 4)
        server.offline()
        sent = await chat.send("unacked")
        server.restore()
        server.post("bob", "alice", "after the restore")
        server.online()
        assert await sent.acked() == 4
        found = await take(im.messages(after=0), 4)
        assert texts([found[0], *found[2:]]) == ["kept", "after the restore", "unacked"]
        assert found[1].content == imsdk.Gap(first=3, last=5, reason=imsdk.GapReason.RESTORED)
        assert texts((await chat.history()).messages) == ["kept", "after the restore", "unacked"]
        await trio.sleep(5)
    assert server.messages("bob", "alice") == [
        ("alice", imsdk.Text("kept")),
        ("bob", imsdk.Text("after the restore")),
        ("alice", imsdk.Text("unacked")),
    ]


async def test_after_a_restore_that_forgot_counters_new_messages_go_through(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """200 forgotten counters are more than truncated counters can bridge on one connection."""
    server.backup()
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        for number in range(200):
            await chat.send(f"{number}")
        await (await chat.send("last")).acked()
        server.restore()
        sents = [await chat.send(f"new{number}") for number in range(40)]
        assert [await sent.acked() for sent in sents] == list(range(2, 42))


async def test_a_snapshot_cut_off_at_any_byte_is_taken_anew(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    for byte in range(0, 600, 40):
        user = f"user{byte}"
        async with client(user, user) as im:
            await im.synced()
            server.post("bob", user, "0")
            await take(im.messages(), 1)
        for number in range(1, 6):
            server.post("bob", user, f"{number}")
        server.trim_log(user)
        server.drop_after_bytes(byte)
        async with client(user, user) as im:
            assert texts(await take(im.messages(after=0), 6)) == [str(number) for number in range(6)]


async def test_a_device_that_lost_its_data_goes_on_under_its_old_name(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """The command stream belongs to the device, so its counters go on behind those the server knows; own
    messages that are not echoed are named as missing and found in history."""
    async with client("alice", device="phone") as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("1")).acked()
        await (await chat.send("2")).acked()
    server.post("bob", "alice", "3")
    server.offline()
    async with client("alice", device="phone") as im:
        chat = await im.conversation(with_user="bob")
        sent = await chat.send("4")
        server.online()
        assert await sent.acked() == 5
        found = await take(im.messages(), 3)
        assert found[0].content == imsdk.Gap(first=2, last=3, reason=imsdk.GapReason.MISSING)
        assert texts(found[1:]) == ["3", "4"]
        assert texts((await chat.history()).messages) == ["1", "2", "3", "4"]


async def test_a_conversation_that_moves_to_a_page_already_asked_for_is_not_missed(
    autojump_clock: MockClock, client: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resync, "LIST_MAX", 2)
    names = [f"user{number}" for number in range(5)]
    for name in names:
        server.post(name, "alice", "first")
    # Then the last one of the list is its first.
    asked = after_the_first_list(monkeypatch, lambda: server.post("user0", "alice", "second"))
    server.trim_log("alice")
    async with client("alice", "phone") as im:
        await im.synced()
        found = await im.conversations()
        assert sorted(chat.peer for chat in found) == names
        chat = await im.conversation(with_user="user0")
        assert texts((await chat.history()).messages) == ["first", "second"]
        assert sorted(texts(await take(im.messages(after=0), 6))) == ["first"] * 5 + ["second"]
    assert len(asked) == 1 + 3, "the last active ones, then three pages of all"


async def test_an_old_message_stands_as_it_was_last_changed_before_and_after_the_hole_is_filled(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """A page tells only the last change of each kind; the others come with the hole and change nothing."""
    server.post("bob", "alice", "old")
    for number in range(3):
        server.act("bob", Edit(conversation="alice", target=2, body=Body(content=imsdk.Text(f"new{number}"))))
        server.act("bob", React(conversation="alice", target=2, emoji="!", on=number != 1))
        server.act("bob", React(conversation="alice", target=2, emoji="?", on=number == 1))
    for _ in range(250):
        server.post("bob", "alice", "x")
    server.trim_log("alice")
    async with client("alice", "phone") as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        (jumped,) = (await chat.history(before=3, limit=1)).messages
        assert (jumped.content, jumped.reactions) == (imsdk.Text("new2"), {"!": ("bob",)})
        page = await chat.history(limit=1000)
        assert (len(page.messages), page.messages[0], page.complete) == (251, jumped, True)


async def test_a_list_whose_pages_are_shorter_than_asked_for_is_taken_whole(
    autojump_clock: MockClock, client: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = questions.conversations
    monkeypatch.setattr(
        questions, "conversations", lambda world, user, asked: answer(world, user, replace(asked, limit=1))
    )
    names = [f"user{number}" for number in range(5)]
    for name in names:
        server.post(name, "alice", "x")
    server.trim_log("alice")
    async with client("alice", "phone") as im:
        await im.synced()
        assert sorted(chat.peer for chat in await im.conversations()) == names
        assert texts(await take(im.messages(after=0), 5)) == ["x"] * 5


async def test_a_page_refused_for_another_reason_is_not_asked_for_without_a_pause(
    autojump_clock: MockClock, client: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = questions.history
    refused: list[float] = []

    def refusing(*arguments: Any) -> HistoryPage:
        if len(refused) < 5:
            refused.append(trio.current_time())
            raise commands.Refused(Code.TOO_LARGE, "for once")
        return answer(*arguments)

    monkeypatch.setattr(questions, "history", refusing)
    server.post("bob", "alice", "x")
    server.trim_log("alice")
    async with client("alice", "phone") as im:
        await im.synced()
        assert texts(await take(im.messages(), 1)) == ["x"]
    assert all(later > earlier for earlier, later in pairwise(refused))


async def test_a_group_that_is_left_between_the_list_and_its_page_is_left(
    autojump_clock: MockClock, client: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restore the record of leaving has a number that another record had before."""
    server.act("bob", Create(conversation=4711, title="group", members=("alice",)))
    async with client("alice", "phone") as im:
        await im.synced()
        server.backup()
        server.post("bob", 4711, "lost")
        assert texts(await take(im.messages(), 1)) == ["lost"]
    server.restore()
    asked = after_the_first_list(monkeypatch, lambda: server.act("alice", Leave(conversation=4711)))
    async with client("alice", "phone") as im:
        await im.synced()
        assert len(asked) == 2
        assert await im.conversations() == []


async def test_what_had_been_delivered_before_a_restore_counts_for_no_later_message(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("kept")).acked()
        server.backup()
        async with client("bob") as bob:
            await bob.synced()
            await (await chat.send("lost")).acked()
            await trio.sleep(2)
            assert (await chat.receipt(3)).delivered == ("bob",)
        server.restore()
        assert await (await chat.send("new")).acked() == 3
        server.post("carol", "alice", "the next commit")
        assert texts(await take(im.messages(), 4))[-1] == "the next commit"
        assert (await chat.receipt(3)).delivered == ()
        await chat.members()
        assert (await chat.receipt(3)).delivered == ()
