"""After the block of `connect`: whoever kept the client is told, and nobody waits for ever."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import imsdk
from tests.sdk.conftest import Open

Call = Callable[[imsdk.Client, imsdk.Conversation], Awaitable[object]]
Iterate = Callable[[imsdk.Client], AsyncIterator[object]]
ITERATIONS = pytest.mark.parametrize(
    "iterate",
    [lambda im: im.messages(), lambda im: im.changes(), lambda im: im.states()],
    ids=["messages", "changes", "states"],
)


@pytest.mark.parametrize(
    "call",
    [
        lambda im, chat: im.connected(),
        lambda im, chat: im.synced(),
        lambda im, chat: im.logout(),
        lambda im, chat: im.conversations(),
        lambda im, chat: im.conversation(with_user="bob"),
        lambda im, chat: im.create_group("Team"),
        lambda im, chat: im.sent(1).acked(),
        lambda im, chat: im.presence("bob"),
        lambda im, chat: im.done(1),
        lambda im, chat: chat.send("too late"),
        lambda im, chat: chat.history(),
    ],
)
async def test_every_call_says_stopped_and_so_does_the_state(
    autojump_clock: MockClock, client: Open, call: Call
) -> None:
    async with client("alice") as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
    assert im.state.phase is imsdk.Phase.STOPPED
    with trio.fail_after(1), pytest.raises(imsdk.Stopped, match="closed"):
        await call(im, chat)


@ITERATIONS
async def test_every_iteration_ends(autojump_clock: MockClock, client: Open, iterate: Iterate) -> None:
    """One that waited when the block ended, one left in the middle and one that begins afterwards."""

    async def follow(items: AsyncIterator[object]) -> None:
        async for _ in items:
            pass

    with trio.fail_after(100):
        async with trio.open_nursery() as nursery, client("alice") as im:
            await im.synced()
            nursery.start_soon(follow, iterate(im))
            await wait_all_tasks_blocked()
        await follow(iterate(im))


async def test_a_reason_to_stop_is_not_forgotten_by_closing(autojump_clock: MockClock, client: Open) -> None:
    async with client("alice") as im:
        await im.synced()
        await im.logout()
    assert im.state.reason == "logged out"
    assert [state.reason async for state in im.states()] == ["logged out"]
