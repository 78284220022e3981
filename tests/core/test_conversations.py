"""What is kept of conversations is bounded, by their number and by their members (G12)."""

import pytest
import trio

from improtocol import commands as c
from improtocol import queries
from imserver.core import CoreLimits
from tests.core.house import House, Phone, post

LIMITS = CoreLimits(conversations_cached_max=100, members_cached_max=40)


async def groups(house: House, count: int, size: int) -> Phone:
    """Alice, who has made so many groups of so many members."""
    alice = await house.phone("alice").connect()
    names = tuple(f"m{number}" for number in range(1, size))
    for group in range(1, count + 1):
        await alice.one(c.Create(conversation=group, title="", members=names))
    return alice


def kept(house: House) -> int:
    return len(house.core._conversations)


async def test_groups_count_by_their_members(nursery: trio.Nursery) -> None:
    house = await House(limits=LIMITS).open(nursery)
    await groups(house, count=9, size=10)
    assert kept(house) * 10 <= LIMITS.members_cached_max


async def test_members_who_come_and_go_count(nursery: trio.Nursery) -> None:
    house = await House(limits=LIMITS).open(nursery)
    alice = await groups(house, count=4, size=2)
    for group in (1, 2, 3, 4):
        assert kept(house) == 4
        await alice.one(c.Invite(conversation=group, users=tuple(f"n{number}" for number in range(8))))
        await alice.one(c.Remove(conversation=group, user="n1"))
    assert kept(house) == 4, "36 members are allowed"
    await alice.one(c.Invite(conversation=1, users=tuple(f"o{number}" for number in range(8))))
    assert kept(house) < 4


@pytest.mark.parametrize("stranger", [False, True])
async def test_who_only_asks_does_not_fill_the_memory(nursery: trio.Nursery, stranger: bool) -> None:
    house = await House(limits=LIMITS).open(nursery)
    alice = await groups(house, count=9, size=10)
    await house.restart()
    asker = await (house.phone("eve").connect() if stranger else alice.resume())
    for group in range(1, 10):
        await asker.ask(queries.Members(conversation=group, after=""))
        assert kept(house) * 10 <= LIMITS.members_cached_max


async def test_what_left_memory_is_there_when_it_is_needed(nursery: trio.Nursery) -> None:
    house = await House(limits=LIMITS).open(nursery)
    alice = await groups(house, count=9, size=10)
    for group in range(1, 10):
        assert (await alice.one(post(group, "still here"))).code == 0
