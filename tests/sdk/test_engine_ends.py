"""What is over stays over: another user's login, a logout, a session taken by somebody else."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import imsdk
from improtocol import Code, frames
from imsdk.ending import closed_by
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


async def test_a_network_change_before_the_first_attempt_hides_no_word_of_the_server(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    server.refuse(Code.DRAINING, retry_after_ms=40_000)
    server.refuse(Code.BANNED)
    async with client("alice") as im:
        im.network_changed("wifi:home")
        with pytest.raises(imsdk.Stopped) as stopped:
            await im.connected()
        assert stopped.value.code == Code.BANNED
        assert trio.current_time() >= 40
        assert im.statistics().dials == 2


async def test_a_logout_ends_although_the_network_changed_before_the_first_attempt(
    autojump_clock: MockClock, client: Open
) -> None:
    async with client("alice") as im:
        im.network_changed("wifi:home")
        await im.synced()
        with trio.fail_after(60):
            await im.logout()
        assert im.statistics().dials == 1


@pytest.mark.parametrize("ending", ["logout", "ban"])
async def test_an_end_for_good_counts_although_the_network_changes_before_it_is_carried_out(
    autojump_clock: MockClock, client: Open, server: Server, ending: str
) -> None:
    async with client("alice") as im:
        await im.synced()
        link = im.engine._link
        assert link is not None
        if ending == "logout":
            im.engine.begin_logout()
            im.engine.session.forget()  # the result of LOGOUT is committed, CLOSE is still to come
        else:
            link.finish(closed_by(frames.Close(code=Code.BANNED)))
        im.network_changed()
        await im.engine.state_bell.wait_until(lambda: im.state.phase is not imsdk.Phase.ONLINE)
        assert im.state.phase is imsdk.Phase.STOPPED
        assert im.statistics().dials == 1


async def test_a_network_change_breaks_off_a_dial_that_hangs(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    server.offline(silent=True)
    async with client("alice") as im:
        await wait_all_tasks_blocked()
        im.network_changed()
        await wait_all_tasks_blocked()
        assert im.statistics().dials == 2
        assert trio.current_time() == 0
