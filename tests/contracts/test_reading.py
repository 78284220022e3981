"""What the `Store` promises about conversations, their lines in the list, and members."""

import pytest

from improtocol.entries import ERASED_PAYLOAD, ConversationType, Kind, Role
from improtocol.queries import ConversationInfo, MemberInfo
from improtocol.values import pack
from imserver.storage.store import Member, MemberChange, Store
from tests.contracts.house import AT_MS, ROOM, House, chat


async def test_a_conversation_has_its_members_in_the_order_of_their_ids(store: Store) -> None:
    house = await House.build(store, "zoe", "alice")
    await house.room("alice", "zoe", title="kitchen")
    conversation = await store.conversation(ROOM)
    assert conversation is not None
    assert (conversation.id, conversation.app, conversation.type) == (ROOM, house.app, ConversationType.GROUP)
    assert (conversation.title, conversation.head) == ("kitchen", 1)
    zoe = Member(user=house.users["zoe"], name="zoe", role=Role.MEMBER, first=1, read=0, delivered=0)
    alice = Member(user=house.users["alice"], name="alice", role=Role.OWNER, first=1, read=0, delivered=0)
    assert conversation.members == (zoe, alice)
    assert await store.conversation(ROOM + 1) is None


async def test_a_direct_conversation_is_found_by_its_two_users(store: Store) -> None:
    house = await House.build(store)
    pair = (house.users["alice"], house.users["bob"])
    assert await store.direct_conversation(house.app, pair) is None
    await house.room("bob", "alice", direct=True)
    assert await store.direct_conversation(house.app, pair) == ROOM
    assert await store.direct_conversation(house.app + 1, pair) is None
    info = await store.conversation_info(house.users["alice"], ROOM)
    assert info is not None
    assert (info.type, info.peer) == (ConversationType.DIRECT, "bob")


async def test_a_record_is_read_alone(store: Store) -> None:
    await chat(store, 1)
    entry = await store.record(ROOM, 2)
    assert entry is not None
    assert (entry.kind, entry.sender, entry.conversation, entry.seq) == (Kind.MESSAGE, "alice", ROOM, 2)
    assert entry.payload == pack("x")
    assert await store.record(ROOM, 3) is None
    assert await store.record(ROOM, 0) is None
    assert await store.record(ROOM + 1, 1) is None


async def test_a_line_of_the_list_says_all_a_chat_list_shows(store: Store) -> None:
    house = await chat(store, 4)
    await house.append(
        house.message("bob", "mine", "alice"),
        house.change("alice", Kind.RECALLED, 3, pack([3]), "bob"),
        house.read("bob", 2, "alice"),
        house.message("alice", "typo", "bob", at_ms=AT_MS + 50),
        house.change("alice", Kind.EDITED, 8, pack([8, "fixed"]), "bob"),
        house.change("alice", Kind.EDITED, 8, pack([8, "fixed again"]), "bob", at_ms=AT_MS + 60),
    )
    message = await store.record(ROOM, 8)
    assert message is not None
    info = await store.conversation_info(house.users["bob"], ROOM)
    assert info is not None
    assert info == ConversationInfo(
        conversation=ROOM,
        type=ConversationType.GROUP,
        title="",
        peer="",
        role=Role.MEMBER,
        head=10,
        first=1,
        read=2,
        unread=3,  # 4, 5 and 8: 3 is recalled, 6 is bob's own
        members=2,
        changed_ms=AT_MS + 60,
        last=info.last,
    )
    assert info.last is not None
    assert (info.last.seq, info.last.at_ms, info.last.payload) == (8, AT_MS + 50, pack("fixed again"))
    infos, complete = await store.conversation_infos(house.users["bob"], limit=9)
    assert (infos, complete) == ([info], True)
    assert await store.conversation_info(house.users["carol"], ROOM) is None
    assert await store.conversation_info(house.users["bob"], ROOM + 1) is None


async def test_the_last_message_stays_the_last_when_it_was_recalled(store: Store) -> None:
    house = await chat(store, 2)
    await house.append(
        house.change("alice", Kind.EDITED, 3, pack([3, "y"]), "bob"),
        house.change("alice", Kind.RECALLED, 3, pack([3]), "bob"),
    )
    info = await store.conversation_info(house.users["bob"], ROOM)
    assert info is not None
    assert info.last is not None
    assert (info.last.seq, info.last.payload, info.unread) == (3, ERASED_PAYLOAD, 1)


async def test_who_joined_late_is_told_nothing_of_before(store: Store) -> None:
    house = await chat(store, 4)
    carol = house.users["carol"]
    change = MemberChange(user=carol, role=Role.MEMBER)
    await house.append(house.write("alice", Kind.JOINED, payload=pack(["carol"]), members=[change]))
    info = await store.conversation_info(carol, ROOM)
    assert info is not None
    assert (info.first, info.read, info.unread, info.last) == (6, 5, 0, None)


async def test_members_come_by_name_in_pages(store: Store) -> None:
    names = ["bob", "Zed", "émile", "alice", "张三"]
    house = await House.build(store, *names)
    await house.room(*names)
    await house.append(house.read("alice", 1, "bob"))
    page, complete = await store.member_infos(ROOM, after="", limit=3)
    assert [member.user for member in page] == ["Zed", "alice", "bob"]
    assert page[1] == MemberInfo(user="alice", role=Role.MEMBER, read=1, delivered=0)
    assert not complete
    page, complete = await store.member_infos(ROOM, after="bob", limit=2)
    assert ([member.user for member in page], complete) == (["émile", "张三"], True)
    assert await store.member_infos(ROOM + 1, after="", limit=2) == ([], True)


async def test_sharing_a_conversation_takes_two_active_members(store: Store) -> None:
    house = await chat(store, 0)
    alice, bob, carol = house.ids(["alice", "bob", "carol"])
    assert await store.share_conversation(alice, [bob, carol, 99]) == {bob}
    assert await store.share_conversation(carol, [alice]) == set()
    leaves = house.write("bob", Kind.LEFT, members=[MemberChange(user=bob, role=None)])
    await house.append(leaves)
    assert await store.share_conversation(alice, [bob]) == set()
    assert await store.share_conversation(bob, [alice]) == set()


async def test_who_left_has_the_conversation_no_more(store: Store) -> None:
    house = await chat(store, 1)
    bob = house.users["bob"]
    await house.append(house.write("bob", Kind.LEFT, members=[MemberChange(user=bob, role=None)]))
    assert await store.conversation_info(bob, ROOM) is None
    assert await store.conversation_infos(bob, limit=9) == ([], True)
    assert [member.user for member in (await store.member_infos(ROOM, after="", limit=9))[0]] == ["alice"]


@pytest.mark.parametrize("payload", [b"", b"\x00" * 70_000])
async def test_payloads_come_back_byte_identical(store: Store, payload: bytes) -> None:
    house = await House.build(store)
    await house.room("alice", "bob")
    text = pack(payload)
    await house.append(house.write("alice", payload=text, recipients=house.ids(["bob"])))
    record = await store.record(ROOM, 2)
    assert record is not None
    assert record.payload == text
