"""What the `Store` promises about conversations, history, lists and members."""

import pytest

from improtocol.entries import ERASED_PAYLOAD, ConversationType, Kind, Role
from improtocol.queries import ConversationInfo, MemberInfo
from improtocol.values import pack
from imserver.storage.store import Member, MemberChange, Store
from tests.contracts.house import AT_MS, ROOM, House


async def seqs(store: Store, **page: int) -> tuple[list[int], int]:
    entries, low = await store.history(ROOM, **({"first": 1, "before": 0, "limit": 99} | page))
    return [entry.seq for entry in entries], low


async def chat(store: Store, count: int) -> House:
    """A conversation of alice and bob with `count` records of two bytes each after its creation."""
    house = await House.build(store, "alice", "bob", "carol")
    await house.room("alice", "bob")
    for number in range(count):
        await house.append(house.message("alice", "x", "bob", at_ms=AT_MS + number))
    return house


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


async def test_a_history_page_holds_the_newest_records_below_its_end(store: Store) -> None:
    await chat(store, 9)
    assert await seqs(store) == (list(range(1, 11)), 1)
    assert await seqs(store, limit=3) == ([8, 9, 10], 8)
    assert await seqs(store, before=8, limit=3) == ([5, 6, 7], 5)
    assert await seqs(store, first=4, before=6) == ([4, 5], 4)
    assert await seqs(store, first=4, before=4) == ([], 4)
    assert await seqs(store, first=11) == ([], 11)
    assert await seqs(store, before=99, limit=2) == ([9, 10], 9)


async def test_a_history_page_is_bounded_in_bytes_and_never_empty_for_it(store: Store) -> None:
    await chat(store, 9)
    assert await seqs(store, bytes_max=6) == ([8, 9, 10], 8)
    assert await seqs(store, bytes_max=7) == ([8, 9, 10], 8)
    assert await seqs(store, bytes_max=1) == ([10], 10)


async def test_changes_to_a_page_follow_it_in_order(store: Store) -> None:
    house = await chat(store, 9)
    await house.append(
        house.change("alice", Kind.EDITED, 4, pack([4, "y"]), "bob"),
        house.change("bob", Kind.REACTED, 2, pack([2, "!", True]), "bob"),
        house.change("bob", Kind.REACTED, 5, pack([5, "!", True]), "bob"),
        house.change("bob", Kind.REACTED, 5, pack([5, "!", False]), "bob"),
    )
    assert await seqs(store, before=6, limit=3) == ([3, 4, 5, 11, 13, 14], 3)
    assert await seqs(store) == (list(range(1, 15)), 1), "none twice"
    assert await seqs(store, limit=2) == ([13, 14], 13)
    assert await seqs(store, before=14, limit=2) == ([12, 13], 12)


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


async def test_the_list_goes_by_activity_then_by_id_in_pages(store: Store) -> None:
    house = await House.build(store)
    for number, at_ms in enumerate((30, 10, 20, 20, 5)):
        await house.room("alice", "bob", room=number + 1)
        await house.append(house.message("alice", "x", "bob", conversation=number + 1, at_ms=at_ms))
    bob = house.users["bob"]
    seen: list[tuple[int, int]] = []
    before, complete = (0, 0), False
    while not complete:
        infos, complete = await store.conversation_infos(bob, before=before, limit=2)
        seen += [(info.changed_ms, info.conversation) for info in infos]
        before = seen[-1]
    assert seen == [(30, 1), (20, 4), (20, 3), (10, 2), (5, 5)]
    infos, complete = await store.conversation_infos(bob, limit=5)
    assert (len(infos), complete) == (5, True)


async def test_by_id_the_list_goes_on_where_it_was_whatever_has_moved(store: Store) -> None:
    house = await House.build(store)
    for number in (1, 2, 3, 4, 5):
        await house.room("alice", "bob", room=number)
        await house.append(house.message("alice", "x", "bob", conversation=number, at_ms=number))
    bob = house.users["bob"]
    seen: list[int] = []
    complete = False
    while not complete:
        infos, complete = await store.conversation_infos(bob, after=seen[-1] if seen else 0, limit=2)
        seen += [info.conversation for info in infos]
        await house.append(house.message("alice", "y", "bob", conversation=4, at_ms=100 + len(seen)))
    assert seen == [1, 2, 3, 4, 5]


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
