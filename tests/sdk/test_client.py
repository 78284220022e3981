"""The client against the fake server, under a virtual clock: what an app is promised."""

import re

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import imsdk
from imsdk.testing import Server
from tests.sdk.conftest import Open, take, texts


async def test_a_message_sent_without_network_is_delivered_once_after_the_app_was_killed(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    server.offline()
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        sent = await chat.send("still there?")
    server.online()
    async with client("alice", "phone") as im:
        assert await im.sent(sent.local_id).acked() == 2
        assert await im.pending() == ()
    assert [content for _, content in server.messages("bob", "alice")] == [imsdk.Text("still there?")]


async def test_a_lost_ack_stores_nothing_twice(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        server.lose_next_result()
        first = await chat.send("one")
        second = await chat.send("two")
        assert (await first.acked(), await second.acked()) == (2, 3)
    assert len(server.messages("bob", "alice")) == 2


async def test_entering_needs_no_network_and_offline_lists_show_what_is_here(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
        server.post("bob", "alice", "hello")
        await take(im.messages(), 1)
    server.offline()
    async with client("alice", "phone") as im:
        (chat,) = await im.conversations()
        assert (chat.peer, chat.unread) == ("bob", 1)
        page = await chat.history()
        assert texts(page.messages) == ["hello"]


async def test_messages_come_in_order_own_ones_included_and_go_on_after_what_was_done(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("1")).acked()
        server.post("bob", "alice", "2")
        await (await chat.send("3")).acked()
        found = await take(im.messages(), 3)
        assert texts(found) == ["1", "2", "3"]
        assert [message.own for message in found] == [True, False, True]
        await im.done(found[1])
    async with client("alice", "phone") as im:
        assert texts(await take(im.messages(), 1)) == ["3"]


async def test_an_own_message_is_shown_after_those_of_others_it_overtook(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """Its RESULT comes at once while 600 events before it are still to come."""
    async with client("alice", "phone") as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        await (await chat.send("0")).acked()
    for number in range(600):
        server.post("bob", "alice", f"{number + 1}")
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("601")).acked()
        assert texts(await take(im.messages(after=0), 602)) == [str(number) for number in range(602)]


async def test_two_devices_see_everything_and_agree_on_the_read_state(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as phone, client("alice", "tablet") as tablet:
        await phone.synced()
        await tablet.synced()
        server.post("bob", "alice", "hi")
        chat = await phone.conversation(with_user="bob")
        await (await chat.send("hello")).acked()
        seen = await take(tablet.messages(), 2)
        assert [(m.own, m.content) for m in seen] == [(False, imsdk.Text("hi")), (True, imsdk.Text("hello"))]
        (other,) = await tablet.conversations()
        assert other.unread == 1
        marked = await chat.mark_read()
        assert marked is not None
        await marked.acked()
        await chat.refresh()
        assert chat.unread == 0
        await trio.sleep(5)
        await other.refresh()
        assert (other.unread, other.read) == (0, 3)


async def test_what_was_edited_and_recalled_while_away_is_right_afterwards(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im, client("bob") as bob:
        await im.synced()
        chat = await bob.conversation(with_user="alice")
        for text in ("wrong", "secret", "fine"):
            await (await chat.send(text)).acked()
        await take(im.messages(), 3)
        server.offline()
        edited = await chat.edit(2, "right")
        recalled = await chat.recall(3)
        reacted = await chat.react(4, "👍")
        server.online()
        for sent in (edited, recalled, reacted):
            await sent.acked()
        await im.synced()
        await trio.sleep(5)
        page = await (await im.conversation(with_user="bob")).history()
        assert [m.content for m in page.messages] == [
            imsdk.Text("right"),
            imsdk.Recalled(),
            imsdk.Text("fine"),
        ]
        assert page.messages[2].reactions == {"👍": ("bob",)}
        assert texts((await chat.history()).messages) == ["right", "Recalled()", "fine"]


async def test_a_permanent_refusal_is_raised_and_what_follows_goes_on(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        server.refuse(imsdk.Code.FORBIDDEN)
        bad, good = await chat.send("bad"), await chat.send("good")
        assert await good.acked() == 2
        with pytest.raises(imsdk.Refused) as refusal:
            await bad.acked()
        assert refusal.value.code == imsdk.Code.FORBIDDEN
    async with client("alice", "phone") as im:
        (row,) = await im.pending()
        assert row.code == imsdk.Code.FORBIDDEN
        assert await im.sent(row.local).discard()
        assert await im.pending() == ()


async def test_a_refusal_that_may_pass_is_retried_in_order(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        server.refuse(imsdk.Code.DISK_FULL, retry_after_ms=3000, commands=True, times=2)
        before = trio.current_time()
        sents = [await chat.send(str(number)) for number in range(10)]
        assert [await sent.acked() for sent in sents] == list(range(2, 12))
        assert trio.current_time() - before >= 6
    assert [content for _, content in server.messages("bob", "alice")] == [
        imsdk.Text(str(number)) for number in range(10)
    ]


async def test_a_group_made_offline_takes_messages_at_once(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    server.offline()
    async with client("alice", "phone") as im:
        group = await im.create_group("Team", members=["bob", "carol"])
        sent = await group.send("welcome")
        server.online()
        assert await sent.acked() == 2
        assert [row.user for row in await group.members()] == ["alice", "bob", "carol"]
    assert server.messages("carol", group.id) == [("alice", imsdk.Text("welcome"))]


async def test_who_is_invited_later_learns_title_and_members(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "a") as im, client("carol", "c") as carol:
        await carol.synced()
        group = await im.create_group("Team", members=["bob"])
        await (await group.send("not for carol")).acked()
        await (await group.invite("carol")).acked()
        await (await group.send("for carol")).acked()
        assert texts(await take(carol.messages(), 1)) == ["for carol"]
        await trio.sleep(5)
        chat = await carol.conversation(id=group.id)
        assert (chat.title, chat.unread) == ("Team", 1)
        server.offline()
        await carol.engine.state_bell.wait_until(lambda: not carol.state.online)
        assert [row.user for row in await chat.members()] == ["alice", "bob", "carol"]
        page = await chat.history()
        assert texts(page.messages) == ["for carol"]
        assert page.complete


async def test_a_removed_member_gets_nothing_more(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "a") as im, client("bob", "b") as bob:
        group = await im.create_group("Team", members=["bob"])
        await (await group.send("before")).acked()
        await take(bob.messages(), 1)
        await (await group.remove("bob")).acked()
        await (await group.send("after")).acked()
        await trio.sleep(5)
        chat = await bob.conversation(id=group.id)
        assert not chat.present
        assert texts((await chat.history()).messages) == ["before"]
        assert await bob.conversations() == []


async def test_changes_tell_of_typing_and_delivery(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "a") as im, client("bob", "b") as bob:
        await im.synced()
        await bob.synced()
        chat = await im.conversation(with_user="bob")
        changes = im.changes()
        found: list[imsdk.Change] = []

        async def listen() -> None:
            async for change in changes:
                found.append(change)  # noqa: PERF401 - the loop never ends by itself

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await wait_all_tasks_blocked()
            await (await chat.send("hi")).acked()
            await take(bob.messages(), 1)
            (other,) = await bob.conversations()
            await other.typing(preview="hel")
            await trio.sleep(5)
            nursery.cancel_scope.cancel()
        assert imsdk.Typing(conversation=other.id, user="bob", typing=True, preview="hel") in found
        assert imsdk.DeliveredUpTo(conversation=other.id, user="bob", seq=2) in found
        assert (await chat.receipt(2)).delivered == ("bob",)


async def test_a_store_belongs_to_one_user(autojump_clock: MockClock, client: Open) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
        await im.logout()
    async with client("bob", "phone") as im:
        with pytest.raises(imsdk.Stopped, match="alice"):
            await im.connected()


async def test_two_clients_never_share_a_data_dir(autojump_clock: MockClock, client: Open) -> None:
    async with client("alice", "phone"):
        with pytest.raises(imsdk.StorageLocked):
            async with client("alice", "phone"):
                pass


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "tcp://", "tcp://h:abc", "tcp://127.0.0.1:99999", "tcp://h:0", "tcp://[::1"]
)
async def test_an_url_that_can_never_be_right_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=re.escape(url)):
        async with imsdk.connect(url, token="t"):
            pass


async def test_the_fake_server_without_its_dialer_says_what_to_give(server: Server) -> None:
    with pytest.raises(ValueError, match=r"dialer=server.dialer\(\), transfers=server.transfers\(\)"):
        async with imsdk.connect(server.url, token=server.token("alice")):
            pass
