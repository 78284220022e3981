"""What is over stays over: another user's login, a logout, a session taken by somebody else."""

import pytest
from trio.testing import MockClock

import imsdk
from imsdk.testing import Server
from tests.sdk.conftest import Open


@pytest.mark.parametrize("known", [0, 3])
async def test_nothing_of_another_user_gets_into_the_store(
    autojump_clock: MockClock, client: Open, server: Server, known: int
) -> None:
    """His messages come in the same bytes as the answer that says whose they are."""
    async with client("alice", "phone") as im:
        await im.synced()
        for number in range(known):
            server.post("carol", "alice", f"{number}")
        await im.engine.feed_bell.wait_until(lambda: im.engine.session.cursor >= known)
        await im.logout()
    for _ in range(30):
        server.post("dave", "bob", "secret")
    async with client("bob", "phone") as im:
        with pytest.raises(imsdk.Stopped, match="belongs to 'alice'"):
            await im.connected()
        assert [chat.peer for chat in await im.conversations()] == ["carol"][:known]
        assert not im.statistics().resumes
        assert not im.engine.synced
    server.offline()
    async with client("alice", "phone") as im:
        assert im.user == "alice"
        assert [chat.peer for chat in await im.conversations()] == ["carol"][:known]
