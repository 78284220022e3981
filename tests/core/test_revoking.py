"""Ending sessions and bans from the shop's side (G10).

Once it is acknowledged nothing reaches them any more.
"""

import pytest
import trio
import trio.testing

from improtocol import Code, frames
from imserver.storage.store import StoreFull
from tests.core.house import House, Phone, SlowStore, pair, post

SHOP, RIVAL = 1, 2


def close_code(phone: Phone) -> int:
    assert phone.closed is not None, "it is still connected"
    return phone.closed.code


async def test_all_devices_of_a_user_are_closed_at_once_and_need_a_token(house: House) -> None:
    alice, bob = await pair(house)
    tablet = await house.phone("bob", "tablet").connect()
    namesake = await house.phone("bob", app="rival").connect()
    assert await house.core.end_sessions(SHOP, "bob") == 2
    assert house.core.attached_devices(SHOP, "bob") == set(), "before anything else happens"
    await alice.one(post("bob", "after"))
    for phone in (bob, tablet):
        await phone.settle()
        assert close_code(phone) == Code.SESSION_ENDED
        assert "after" not in phone.texts
        phone.other.clear()
        await phone.resume()
        assert close_code(phone) == Code.SESSION_ENDED
    await namesake.settle()
    assert namesake.closed is None
    bob.other.clear()
    await bob.connect()
    assert bob.texts == ["first", "after"], "the log stood still for nobody"
    assert (await bob.one(post("alice", "back"))).code == 0


async def test_ended_sessions_stay_ended_through_a_restart_and_out_of_memory(house: House) -> None:
    _, bob = await pair(house)
    bob.drop()
    await house.restart()
    assert await house.core.end_sessions(SHOP, "bob") == 1, "also those that are not in memory"
    await bob.resume()
    assert close_code(bob) == Code.SESSION_UNKNOWN


async def test_a_banned_user_is_closed_and_neither_secret_nor_token_lets_him_in(house: House) -> None:
    alice, bob = await pair(house)
    namesake = await house.phone("bob", app="rival").connect()
    await house.core.ban(SHOP, "bob")
    await alice.one(post("bob", "while banned"))
    await namesake.settle()
    assert namesake.closed is None
    for again in (bob.settle, bob.resume, bob.connect):
        await again()
        assert close_code(bob) == Code.BANNED
        bob.other.clear()
    await house.restart()
    for again in (bob.resume, bob.connect, house.phone("bob", "new").connect):
        phone = await again() or bob
        assert close_code(phone) == Code.BANNED
        bob.other.clear()
    assert bob.texts == ["first"]
    assert [d.name for d in await house.store.device_sessions(2)] == ["phone"], "no login took place"
    bob.secret = b"x" * 16
    await bob.resume()
    assert close_code(bob) == Code.SESSION_UNKNOWN, "a stranger learns nothing of the ban"
    assert alice.closed is None


async def test_after_unban_the_session_goes_on_with_everything_since(house: House) -> None:
    alice, bob = await pair(house)
    await house.core.ban(SHOP, "bob")
    await alice.do(*(post("bob", f"{n}") for n in range(3)))
    await house.core.unban(SHOP, "bob")
    bob.other.clear()
    await bob.resume()
    assert bob.texts == ["first", "0", "1", "2"]
    assert (await bob.one(post("alice", "sorry"))).code == 0
    await house.restart()
    await bob.resume()
    assert bob.closed is None, "the ban was lifted durably"


async def test_who_never_came_can_be_banned_and_is_so_in_one_app_only(house: House) -> None:
    await house.core.ban(SHOP, "mallory")
    assert close_code(await house.phone("mallory").connect()) == Code.BANNED
    assert (await house.phone("mallory", app="rival").connect()).closed is None


async def test_a_banned_member_reads_no_media_and_stays_a_member(house: House) -> None:
    alice, _ = await pair(house)
    room = await house.group(alice, "bob")
    assert await house.core.may_read(SHOP, "bob", room)
    await house.core.ban(SHOP, "bob")
    assert not await house.core.may_read(SHOP, "bob", room)
    assert await house.core.may_read(SHOP, "alice", room)
    await house.core.unban(SHOP, "bob")
    assert await house.core.may_read(SHOP, "bob", room)


async def test_a_read_of_media_that_waits_for_the_store_is_refused_by_the_ban_meanwhile(
    house: House,
) -> None:
    alice, _ = await pair(house)
    room = await house.group(alice, "bob")
    await house.restart()
    house.store.hold("user_ids")
    answers: list[bool] = []

    async def ask() -> None:
        answers.append(await house.core.may_read(SHOP, "bob", room))

    assert house.nursery is not None
    house.nursery.start_soon(ask)
    await house.store.held.wait()
    await house.core.ban(SHOP, "bob")
    house.store.release()
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [False]


async def test_a_full_disk_shuts_nobody_out() -> None:
    store = SlowStore(epoch=77)
    async with trio.open_nursery() as nursery:
        house = await House(store).open(nursery)
        _, bob = await pair(house)
        store.full = True
        for shut in (house.core.ban, house.core.end_sessions):
            with pytest.raises(StoreFull):
                await shut(SHOP, "bob")
        store.full = False
        assert await store.banned_users() == set()
        bob.drop()
        await bob.resume()
        assert bob.closed is None
        assert isinstance(bob.resumed, frames.Resumed)
        nursery.cancel_scope.cancel()
