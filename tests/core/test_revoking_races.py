"""Ending sessions and bans while commands, logins and resumes of that user are under way (G10)."""

import pytest
import trio
import trio.testing

from improtocol import Code
from improtocol import commands as c
from improtocol.frames import Close, Connect
from imserver.core import CoreLimits
from tests.core.house import House, post
from tests.core.links import FakeLink
from tests.core.test_revoking import SHOP, close_code, pair

# Commands under way ----------------------------------------------------------------------------------


async def shut_out(house: House, how: str) -> None:
    await (house.core.ban(SHOP, "bob") if how == "ban" else house.core.end_sessions(SHOP, "bob"))


@pytest.mark.parametrize("how", ["ban", "end"])
async def test_what_was_decided_before_counts_and_what_only_waited_does_not(house: House, how: str) -> None:
    alice, bob = await pair(house)
    house.store.hold("append")
    bob.send(post("alice", "decided"))
    await house.store.held.wait()
    bob.send(post("alice", "waits"))
    await shut_out(house, how)
    assert house.core.attached_devices(SHOP, "bob") == set()
    house.store.release()
    await alice.settle()
    await bob.settle()
    assert alice.texts == ["decided"]
    if how == "ban":
        await house.core.unban(SHOP, "bob")
        await bob.resume()
    else:
        await bob.connect()
        assert bob.connected is not None
        assert bob.connected.accepted == 1, "its counter is free"


@pytest.mark.parametrize("how", ["ban", "end"])
async def test_a_command_whose_facts_are_being_fetched_is_refused_though_its_device_logs_in_again(
    house: House, how: str
) -> None:
    alice, bob = await pair(house)
    house.store.hold("ensure_users")
    bob.send(post("carol", "from a stolen phone"))
    await house.store.held.wait()
    house.store.holding = set()
    await shut_out(house, how)
    await house.core.unban(SHOP, "bob")
    bob.outbox.clear()
    await bob.connect()
    house.store.go.set()
    await bob.settle()
    carol = await house.phone("carol").connect()
    assert carol.texts == []
    bob.counter = 0
    assert (await bob.one(post("alice", "honest"))).code == 0
    await alice.settle()
    assert alice.texts == ["honest"]


async def test_a_full_disk_under_a_logout_does_not_revive_what_the_shop_has_ended(house: House) -> None:
    _, bob = await pair(house)
    house.store.hold("append")
    bob.send(c.Logout())
    await house.store.held.wait()
    await house.core.end_sessions(SHOP, "bob")
    house.store.full = True
    house.store.release()
    await trio.testing.wait_all_tasks_blocked()
    house.store.full = False
    bob.outbox.clear()  # else the logout would be sent again, and end it after all
    await bob.resume()
    assert close_code(bob) == Code.SESSION_ENDED


# Logins and resumes under way ------------------------------------------------------------------------


async def begin(house: House, how: str) -> trio.Event:
    """Shut bob out in a task; the event is set when that is done."""
    done = trio.Event()

    async def work() -> None:
        await shut_out(house, how)
        done.set()

    assert house.nursery is not None
    house.nursery.start_soon(work)
    await trio.testing.wait_all_tasks_blocked()
    return done


@pytest.mark.parametrize("how", ["ban", "end"])
@pytest.mark.parametrize("call", ["log_in", "log_heads"])
async def test_a_login_under_way_is_shut_out_too(house: House, how: str, call: str) -> None:
    alice, bob = await pair(house)
    if call == "log_heads":
        await house.restart()
    else:
        bob.drop()
    house.store.hold(call)
    await bob.connect(settle=False)
    await house.store.held.wait()
    done = await begin(house, how)
    house.store.release()
    await done.wait()
    assert house.core.attached_devices(SHOP, "bob") == set()
    await alice.settle()
    await bob.settle()
    assert close_code(bob) == (Code.BANNED if how == "ban" else Code.SESSION_ENDED)


@pytest.mark.parametrize("how", ["ban", "end"])
@pytest.mark.parametrize("call", ["devices", "log_heads"])
async def test_a_resume_that_is_being_looked_up_is_shut_out_too(house: House, how: str, call: str) -> None:
    _, bob = await pair(house)
    await house.restart()
    house.store.hold(call)
    await bob.resume(settle=False)
    await house.store.held.wait()
    done = await begin(house, how)
    house.store.release()
    await done.wait()
    assert house.core.attached_devices(SHOP, "bob") == set()
    await bob.settle()
    assert close_code(bob) == (Code.BANNED if how == "ban" else Code.SESSION_ENDED)


async def test_a_logout_that_overtakes_a_login_leaves_no_connection_behind(nursery: trio.Nursery) -> None:
    house = await House(limits=CoreLimits(tail_entries_max=1)).open(nursery)
    alice, bob = await pair(house)
    for text in ("a", "b", "c"):
        await alice.one(post("bob", text))
    await bob.settle()
    house.store.hold("append")
    bob.send(c.Logout())
    await house.store.held.wait()
    logout = house.store.go
    house.store.hold("log_sums")
    again = FakeLink(house.core)
    token = house.token("bob")
    again.say(
        Connect(token=token, device="phone", epoch=bob.epoch, cursor=bob.cursor, digest=1, span=bob.cursor)
    )
    await house.store.held.wait()
    logout.set()  # durable after the login, and what it ends is the device's session
    await trio.testing.wait_all_tasks_blocked()
    house.store.release()
    await trio.testing.wait_all_tasks_blocked()
    assert [frame.code for frame in again.arrived if isinstance(frame, Close)] == [Code.SESSION_ENDED]
    assert house.core.attached_devices(SHOP, "bob") == set()


async def test_the_shop_ends_also_what_only_memory_takes_for_alive(house: House) -> None:
    _, bob = await pair(house)
    assert len(await house.store.end_sessions(SHOP, "bob")) == 1, "past the core, as no code of ours does"
    await house.core.end_sessions(SHOP, "bob")
    await bob.settle()
    assert close_code(bob) == Code.SESSION_ENDED


async def test_a_login_after_the_end_is_a_new_session_that_lives(house: House) -> None:
    _, bob = await pair(house)
    bob.drop()
    house.store.hold("end_sessions")
    done = await begin(house, "end")
    await bob.connect(settle=False)
    house.store.release()
    await done.wait()
    await bob.settle()
    assert bob.closed is None
    session = bob.session
    await house.restart()
    await bob.resume()
    assert (bob.closed, bob.session) == (None, session)


async def test_a_resume_during_the_write_of_the_end_is_closed_when_that_is_durable(house: House) -> None:
    _, bob = await pair(house)
    bob.drop()
    house.store.hold("end_sessions")
    done = await begin(house, "end")
    await bob.resume()
    assert bob.closed is None, "it is not durable yet"
    house.store.release()
    await done.wait()
    await bob.settle()
    assert close_code(bob) == Code.SESSION_ENDED


async def test_a_shutting_out_that_is_cancelled_happened_in_store_and_memory_alike(house: House) -> None:
    _, bob = await pair(house)
    house.store.hold("set_banned")
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.core.ban, SHOP, "bob")
            await house.store.held.wait()
            scope.cancel()
            house.store.release()
    assert await house.store.banned_users() == {(SHOP, "bob")}
    await bob.settle()
    assert close_code(bob) == Code.BANNED
