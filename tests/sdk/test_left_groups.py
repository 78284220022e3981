"""A group that was left, a restore, and being taken into it again at a number known here."""

import pytest
import trio
from trio.testing import MockClock

import imsdk
from improtocol.commands import Create, Invite, Leave
from imsdk.testing import Server
from tests.sdk.conftest import Open, take, texts

GROUP = 4711


async def a_stay_the_restore_forgets(client: Open, server: Server, *, unnoticed: bool) -> None:
    """Alice leaves, is taken in again, hears something and leaves again; only the first the backup has."""
    server.act("bob", Create(conversation=GROUP, title="group", members=("alice",)))
    async with client("alice", "phone") as im:
        await im.synced()
        server.post("bob", GROUP, "kept")
        server.act("alice", Leave(conversation=GROUP))
        await im.synced()
        server.backup()
        server.post("bob", GROUP, "unseen")
        server.act("bob", Invite(conversation=GROUP, users=("alice",)))
        server.post("bob", GROUP, "lost")
        messages = im.messages()
        found = texts(await take(messages, 2))
        assert (found[0], found[-1]) == ("kept", "lost")
        server.act("alice", Leave(conversation=GROUP))
        await trio.sleep(5)
        assert await im.conversations() == []
    server.restore(unnoticed=unnoticed)


async def judge(im: imsdk.Client) -> None:
    chat = await im.conversation(id=GROUP)
    assert chat.present
    assert texts((await chat.history(limit=2)).messages) == ["new", "newer"]
    assert [row.user for row in await im.engine.store.members(chat.key)] == ["alice", "bob"]


@pytest.mark.parametrize("unnoticed", [False, True])
@pytest.mark.parametrize("before", range(4))
async def test_whoever_is_taken_in_again_after_a_restore_forgot_a_stay_is_in_and_hears_all(
    autojump_clock: MockClock, client: Open, server: Server, before: int, unnoticed: bool
) -> None:
    await a_stay_the_restore_forgets(client, server, unnoticed=unnoticed)
    async with client("alice", "phone") as im:
        await im.synced()
        assert await im.conversations() == []
        taken_in_again(server, before)
        await trio.sleep(5)
        await judge(im)
        assert [m.content for m in await all_of(im)][-2:] == [imsdk.Text("new"), imsdk.Text("newer")]


@pytest.mark.parametrize("unnoticed", [False, True])
@pytest.mark.parametrize("before", range(4))
async def test_it_is_the_same_when_a_snapshot_tells_of_it(
    autojump_clock: MockClock, client: Open, server: Server, before: int, unnoticed: bool
) -> None:
    await a_stay_the_restore_forgets(client, server, unnoticed=unnoticed)
    async with client("alice", "phone") as im:
        await im.synced()
    taken_in_again(server, before)
    server.trim_log("alice")
    async with client("alice", "phone") as im:
        await im.synced()
        await trio.sleep(5)
        await judge(im)


def taken_in_again(server: Server, before: int) -> None:
    """Bob talks to himself, invites alice again, and talks to her."""
    for number in range(before):
        server.post("bob", GROUP, f"{number}")
    server.act("bob", Invite(conversation=GROUP, users=("alice",)))
    server.post("bob", GROUP, "new")
    server.post("bob", GROUP, "newer")


async def all_of(im: imsdk.Client) -> list[imsdk.Message]:
    """The whole feed."""
    found: list[imsdk.Message] = []
    messages = im.messages(after=0)
    while True:
        with trio.move_on_after(1) as waited:
            found.append(await anext(messages))
        if waited.cancelled_caught:
            return found
