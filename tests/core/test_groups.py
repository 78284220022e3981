"""Groups: who may do what, who sees what, from when, until when (G10)."""

import pytest
import trio
import trio.testing

from improtocol import Code, ConversationType, Kind, Role, queries, read_entry, unpack
from improtocol import commands as c
from improtocol.entries import Created
from imserver.core import CoreLimits
from tests.core.house import House, Phone, post

GROUP = 4711


async def group_of(house: House, *names: str) -> list[Phone]:
    phones = [await house.phone(name).connect() for name in names]
    await house.group(phones[0], *names[1:])
    for phone in phones:
        await phone.settle()
    return phones


async def test_group_of_200_everybody_gets_every_message_once(house: House) -> None:
    names = [f"user{n}" for n in range(200)]
    owner = await house.phone(names[0]).connect()
    others = [await house.phone(name).connect() for name in names[1:]]
    await house.group(owner, *names[1:])
    for n in range(3):
        assert (await owner.one(post(GROUP, f"from the owner {n}"))).code == 0
        assert (await others[n].one(post(GROUP, f"from {n}"))).code == 0
    for number, phone in enumerate(others):
        await phone.settle()
        expected = [text for n in range(3) for text in (f"from the owner {n}", f"from {n}")]
        if number < 3:
            expected.remove(f"from {number}")
        assert phone.texts == expected
    reply = await owner.ask(queries.Members(conversation=GROUP))
    page = queries.MembersPage.from_value(unpack(reply.payload))
    assert (len(page.members), page.complete) == (200, True)


async def test_the_making_of_a_group_names_its_members_and_roles(house: House) -> None:
    _alice, bob = await group_of(house, "alice", "bob")
    created = read_entry(bob.entries[0])
    assert created == Created(
        type=ConversationType.GROUP,
        title="group",
        members=(("alice", Role.OWNER), ("bob", Role.MEMBER)),
    )


async def test_removed_member_gets_nothing_more_not_even_by_history_or_media_link(house: House) -> None:
    alice, bob, carol = await group_of(house, "alice", "bob", "carol")
    await alice.one(post(GROUP, "before"))
    assert (await alice.one(c.Remove(conversation=GROUP, user="bob"))).code == 0
    await alice.one(post(GROUP, "after"))
    await bob.settle()
    assert bob.entries[-1].kind == Kind.REMOVED, "that he is out is the last he hears"
    assert bob.texts == ["before"]
    for question in (
        queries.History(conversation=GROUP),
        queries.Members(conversation=GROUP),
        queries.Conversation(conversation=GROUP),
        queries.Link(conversation=GROUP, seq=2, media=b"m" * 32),
    ):
        # What the media room would say is not even asked: see test_isolation for the full table.
        reply = await bob.ask(question)
        assert reply.code in {Code.NOT_FOUND, Code.UNAVAILABLE}
    assert (await bob.conversations()).conversations == ()
    assert (await bob.one(post(GROUP, "let me in"))).code == Code.NOT_FOUND
    assert not await house.core.may_read(1, "bob", GROUP)
    assert await house.core.may_read(1, "carol", GROUP)
    bob.drop()
    await bob.resume()
    assert bob.texts == ["before"]
    await carol.settle()
    assert carol.texts == ["before", "after"]


async def test_whoever_joins_later_sees_nothing_from_before_and_who_comes_back_only_from_then_on(
    house: House,
) -> None:
    alice, _bob = await group_of(house, "alice", "bob")
    await alice.one(post(GROUP, "old"))
    assert (await alice.one(c.Invite(conversation=GROUP, users=("carol",)))).code == 0
    await alice.one(post(GROUP, "new"))
    carol = await house.phone("carol").connect()
    assert [entry.kind for entry in carol.entries] == [Kind.JOINED, Kind.MESSAGE]
    page = await carol.history(GROUP)
    assert [entry.seq for entry in page.entries] == [3, 4]
    assert page.complete
    await carol.one(c.Leave(conversation=GROUP))
    await alice.one(post(GROUP, "while she was away"))
    await alice.one(c.Invite(conversation=GROUP, users=("carol",)))
    page = await carol.history(GROUP)
    assert [entry.seq for entry in page.entries] == [7]


async def test_history_read_before_a_removal_and_ready_after_it_is_not_handed_out(house: House) -> None:
    alice, bob = await group_of(house, "alice", "bob")
    await alice.one(post(GROUP, "secret"))
    house.store.hold("history")
    asked = bob.ask_later(queries.History(conversation=GROUP))
    await house.store.held.wait()
    assert (await alice.one(c.Remove(conversation=GROUP, user="bob"))).code == 0
    house.store.release()
    await bob.settle()
    assert bob.reply(asked).code == Code.NOT_FOUND


async def test_history_read_before_a_removal_is_not_handed_out_even_if_the_conversation_left_memory(
    mock_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    house = await House().open(nursery)
    alice, bob = await group_of(house, "alice", "bob")
    house.store.hold("history")
    asked = bob.ask_later(queries.History(conversation=GROUP))
    await house.store.held.wait()
    assert (await alice.one(c.Remove(conversation=GROUP, user="bob"))).code == 0
    house.core._conversations._limits = CoreLimits(conversations_cached_max=0)
    house.core._conversations.shrink(set())
    house.store.release()
    await bob.settle()
    assert bob.reply(asked).code == Code.NOT_FOUND


async def test_history_of_an_earlier_membership_is_not_handed_out_after_a_rejoin(house: House) -> None:
    alice, bob = await group_of(house, "alice", "bob")
    house.store.hold("history")
    asked = bob.ask_later(queries.History(conversation=GROUP))
    await house.store.held.wait()
    await alice.do(c.Remove(conversation=GROUP, user="bob"), c.Invite(conversation=GROUP, users=("bob",)))
    house.store.release()
    await bob.settle()
    assert bob.reply(asked).code == Code.NOT_FOUND
    page = await bob.history(GROUP)
    assert [entry.seq for entry in page.entries] == [3]


async def test_a_conversation_list_read_before_a_removal_leaves_the_group_out(house: House) -> None:
    alice, bob = await group_of(house, "alice", "bob")
    house.store.hold("conversation_infos")
    asked = bob.ask_later(queries.Conversations())
    await house.store.held.wait()
    await alice.one(c.Remove(conversation=GROUP, user="bob"))
    house.store.release()
    await bob.settle()
    page = queries.ConversationsPage.from_value(unpack(bob.reply(asked).payload))
    assert page.conversations == ()


OK, NO = Code.OK, Code.FORBIDDEN


@pytest.mark.parametrize(
    ("action", "member", "admin", "owner"),
    [
        (c.Invite(conversation=GROUP, users=("new",)), NO, OK, OK),
        (c.Remove(conversation=GROUP, user="victim"), NO, OK, OK),
        (c.Remove(conversation=GROUP, user="admin2"), NO, NO, OK),
        (c.Remove(conversation=GROUP, user="owner"), NO, NO, OK),
        (c.Rename(conversation=GROUP, title="new"), NO, OK, OK),
        (c.SetRole(conversation=GROUP, user="victim", role=Role.ADMIN), NO, NO, OK),
        (c.SetRole(conversation=GROUP, user="victim", role=Role.OWNER), NO, NO, OK),
        (c.Recall(conversation=GROUP, target=2), NO, OK, OK),
        (c.Leave(conversation=GROUP), OK, OK, OK),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, Code) else value.name,
)
async def test_roles(house: House, action: c.Action, member: Code, admin: Code, owner: Code) -> None:
    for number, (role, expected) in enumerate((("member", member), ("admin", admin), ("owner", owner))):
        phones = {
            name: await house.phone(name, f"device{number}").connect()
            for name in ("owner", "admin", "admin2", "member", "victim")
        }
        id = await house.group(phones["owner"], *tuple(phones)[1:], id=GROUP + number)
        await phones["owner"].do(
            c.SetRole(conversation=id, user="admin", role=Role.ADMIN),
            c.SetRole(conversation=id, user="admin2", role=Role.ADMIN),
        )
        await phones["victim"].one(post(id, "message"))
        fields = {slot: getattr(action, slot) for slot in action.__dataclass_fields__}
        target = fields.get("target")
        if target is not None:
            fields["target"] = 4
        result = await phones[role].one(type(action)(**{**fields, "conversation": id}))
        assert result.code == expected, role
        for phone in phones.values():
            phone.drop()


async def test_an_owner_who_leaves_hands_the_group_to_the_next_in_rank(house: House) -> None:
    alice, _bob, carol = await group_of(house, "alice", "bob", "carol")
    await alice.one(c.SetRole(conversation=GROUP, user="carol", role=Role.ADMIN))
    await alice.one(c.Leave(conversation=GROUP))
    await house.restart()
    reply = await (await carol.resume()).ask(queries.Members(conversation=GROUP))
    page = queries.MembersPage.from_value(unpack(reply.payload))
    assert {member.user: member.role for member in page.members} == {
        "bob": Role.MEMBER,
        "carol": Role.OWNER,
    }
    assert (await carol.one(c.SetRole(conversation=GROUP, user="bob", role=Role.ADMIN))).code == 0


async def test_a_direct_conversation_keeps_its_two_members(house: House) -> None:
    alice = await house.phone("alice").connect()
    await alice.one(post("bob", "x"))
    id = alice.conversation
    for action in (
        c.Invite(conversation=id, users=("carol",)),
        c.Leave(conversation=id),
        c.Remove(conversation=id, user="bob"),
        c.Rename(conversation=id, title="x"),
    ):
        assert (await alice.one(action)).code == Code.FORBIDDEN


async def test_two_users_who_write_to_each_other_at_once_share_one_conversation(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    alice.send(post("bob", "a"))
    bob.send(post("alice", "b"))
    await alice.settle()
    await bob.settle()
    assert {entry.conversation for entry in alice.entries} == {entry.conversation for entry in bob.entries}
    assert (alice.texts, bob.texts) == (["b"], ["a"])


async def test_two_groups_under_one_id_are_a_conflict(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    alice.send(c.Create(conversation=GROUP, title="a"))
    bob.send(c.Create(conversation=GROUP, title="b"))
    await alice.settle()
    await bob.settle()
    assert sorted([alice.results[1].code, bob.results[1].code]) == [0, Code.CONFLICT]


async def test_in_a_large_group_a_read_mark_goes_to_the_reader_s_own_devices_only(house: House) -> None:
    names = [f"user{n}" for n in range(house.limits.receipts_members_max + 1)]
    phones = await group_of(house, *names)
    tablet = await house.phone(names[1], "tablet").connect()
    await phones[0].one(post(GROUP, "x"))
    await phones[1].settle()
    await phones[1].one(c.MarkRead(conversation=GROUP, seq=2))
    for phone in (*phones, tablet):
        await phone.settle()
    assert [entry.kind for entry in tablet.entries][-1] == Kind.READ
    assert all(entry.kind != Kind.READ for phone in phones for entry in phone.entries)
