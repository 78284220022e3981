"""What `Store.append` promises: order, density, idempotency, outcomes, memberships, erasure."""

import pytest

from improtocol.digest import record_digest
from improtocol.entries import Kind, Role
from improtocol.limits import COMMANDS_IN_FLIGHT_MAX
from improtocol.values import pack, unpack
from imserver.storage.store import (
    NO_ENTRY,
    LogHead,
    Marks,
    Member,
    MemberChange,
    NewConversation,
    Outcome,
    Placed,
    Store,
    StoreBroken,
    Write,
    log_bytes,
)
from tests.contracts.house import AT_MS, ROOM, House

OTHER = ROOM + 1


def placed(result: list[Placed]) -> list[tuple[int, list[int]]]:
    return [(place.seq, list(place.positions)) for place in result]


async def test_sequence_numbers_and_positions_are_dense_and_in_the_order_of_writes(store: Store) -> None:
    house = await House.build(store)
    result = await house.append(
        house.creation("alice", "bob"),
        house.message("alice", "hello", "alice", "bob"),
        house.message("bob", "yes?", "bob", "alice"),
    )
    assert placed(result) == [(1, [1, 1]), (2, [2, 2]), (3, [3, 3])]
    result = await house.append(house.message("alice", "only to bob", "bob"))
    assert placed(result) == [(4, [4])]
    result = await house.append(house.message("bob", "to both", "alice", "bob"))
    assert placed(result) == [(5, [4, 5])]


async def test_each_conversation_counts_for_itself_and_each_log_over_all(store: Store) -> None:
    house = await House.build(store)
    result = await house.append(
        house.creation("alice", "bob"),
        house.creation("bob", "alice", room=OTHER),
        house.message("alice", "a", "bob", conversation=OTHER),
        house.message("alice", "b", "bob"),
    )
    assert placed(result) == [(1, [1, 1]), (1, [2, 2]), (2, [3]), (2, [4])]


async def test_an_outcome_is_kept_for_each_command_refused_ones_included(store: Store) -> None:
    house = await House.build(store)
    await house.append(
        house.creation("alice", "bob"),
        house.message("alice", "hello", "bob", digest=11),
        house.write("alice", NO_ENTRY, code=507, conversation=ROOM, digest=2**32 - 1),
        house.write("alice", NO_ENTRY, value=2**53 - 1, conversation=0),
    )
    device = (await store.devices([1001]))[1001]
    assert device.accepted == 3
    assert device.outcomes == (
        Outcome(counter=1, digest=11, code=0, value=2, at_ms=AT_MS),
        Outcome(counter=2, digest=2**32 - 1, code=507, value=0, at_ms=AT_MS),
        Outcome(counter=3, digest=7, code=0, value=2**53 - 1, at_ms=AT_MS),
    )


async def test_the_last_outcomes_in_flight_are_kept_across_batches(store: Store) -> None:
    house = await House.build(store)
    await house.room("alice", "bob")
    for _ in range(3):
        await house.append(*(house.message("alice", "x", "bob") for _ in range(COMMANDS_IN_FLIGHT_MAX - 5)))
    device = (await store.devices([1001]))[1001]
    last = 3 * (COMMANDS_IN_FLIGHT_MAX - 5)
    assert device.accepted == last
    expected = [(counter, counter + 1) for counter in range(last - COMMANDS_IN_FLIGHT_MAX + 1, last + 1)]
    assert [(outcome.counter, outcome.value) for outcome in device.outcomes] == expected


async def test_a_refused_command_changes_nothing_else(store: Store) -> None:
    house = await House.build(store)
    await house.room("alice", "bob")
    refused = house.message("alice", "no", "alice", "bob", code=500, end_session=True, title="new")
    assert placed(await house.append(refused)) == [(0, [])]
    conversation = await store.conversation(ROOM)
    assert conversation is not None
    assert (conversation.head, conversation.title) == (1, "")
    assert (await store.log_heads([house.users["bob"]]))[house.users["bob"]].head == 1
    assert (await store.devices([1001]))[1001].session == 1001


@pytest.mark.parametrize("counter", [0, 1, 3])
async def test_a_counter_that_is_not_the_next_breaks_the_store(store: Store, counter: int) -> None:
    house = await House.build(store)
    await house.room("alice", "bob")
    await house.append(house.message("alice", "first", "bob"))
    wrong = house.message("alice", "wrong", "bob")
    wrong.counter = counter
    with pytest.raises(StoreBroken):
        await house.append(house.message("bob", "innocent", "bob"), wrong)
    with pytest.raises(StoreBroken):
        await house.append(house.message("bob", "later", "bob"))
    with pytest.raises(StoreBroken):
        await store.apps()


async def test_a_counter_is_counted_within_the_batch(store: Store) -> None:
    house = await House.build(store)
    await house.room("alice", "bob")
    first = house.message("alice", "1", "bob")
    with pytest.raises(StoreBroken):
        await house.append(first, first)


@pytest.mark.parametrize(
    "write",
    [
        Write(device=0, at_ms=AT_MS, conversation=OTHER, kind=Kind.MESSAGE),
        Write(device=0, at_ms=AT_MS, conversation=OTHER, members=[MemberChange(user=1, role=0)]),
        Write(device=0, at_ms=AT_MS, conversation=OTHER, title="x"),
        Write(device=0, at_ms=AT_MS, conversation=OTHER, kind=Kind.READ, author=1, value=1),
        Write(device=99, counter=1, at_ms=AT_MS),
        Write(device=0, at_ms=AT_MS, create=NewConversation(id=ROOM, app=1, type=2, title="")),
        Write(
            device=0,
            at_ms=AT_MS,
            create=NewConversation(id=OTHER, app=1, type=1, title="", direct_users=(1, 2)),
        ),
    ],
    ids=["record", "members", "title", "read", "device", "same id", "same pair"],
)
async def test_a_write_to_what_is_not_there_or_there_already_breaks_the_store(
    store: Store, write: Write
) -> None:
    house = await House.build(store)
    await house.room("alice", "bob", direct=True)
    with pytest.raises(StoreBroken):
        await store.append([write])
    with pytest.raises(StoreBroken):
        await store.conversation(ROOM)


async def test_a_log_row_names_the_device_in_its_users_own_log_only(store: Store) -> None:
    house = await House.build(store)
    await house.append(house.creation("alice", "bob"), house.message("alice", "x", "alice", "bob"))
    rows = {}
    for name in ("alice", "bob"):
        rows[name] = [e.device for e in await store.log_range(house.users[name], 0, limit=9, bytes_max=999)]
    assert rows == {"alice": [0, house.devices["alice"].id], "bob": [0, 0]}


async def test_a_read_mark_is_an_entry_without_a_record(store: Store) -> None:
    house = await House.build(store)
    await house.append(house.creation("alice", "bob"), house.message("alice", "x", "bob"))
    result = await house.append(house.read("bob", 2, "alice", "bob"), house.message("alice", "y", "bob"))
    assert placed(result) == [(0, [2, 3]), (3, [4])]
    (entry,) = await store.log_range(house.users["alice"], 1, limit=9, bytes_max=999)
    assert (entry.entry.kind, entry.entry.sender, entry.entry.seq) == (Kind.READ, "bob", 2)
    assert (entry.entry.conversation, entry.entry.at_ms, entry.entry.payload) == (ROOM, AT_MS, b"\xc0")
    device = (await store.devices([1002]))[1002]
    assert [(outcome.counter, outcome.value) for outcome in device.outcomes] == [(1, 2)]


async def test_a_read_mark_only_rises_and_only_a_members(store: Store) -> None:
    house = await House.build(store, "alice", "bob", "carol")
    await house.append(
        house.creation("alice", "bob"), *(house.message("alice", "x", "bob") for _ in range(4))
    )
    await house.append(
        house.read("bob", 4, "alice"), house.read("bob", 2, "alice"), house.read("carol", 3, "bob")
    )
    conversation = await store.conversation(ROOM)
    assert conversation is not None
    assert {member.name: member.read for member in conversation.members} == {"alice": 0, "bob": 4}


async def test_a_member_sees_from_the_joining_record_on(store: Store) -> None:
    house = await House.build(store, "alice", "bob", "carol")
    carol = house.users["carol"]
    await house.append(house.creation("alice", "bob"), house.message("alice", "before", "bob"))
    joins = house.write(
        "alice", Kind.JOINED, payload=pack(["carol"]), members=[MemberChange(user=carol, role=Role.MEMBER)]
    )
    assert placed(await house.append(joins)) == [(3, [])]
    conversation = await store.conversation(ROOM)
    assert conversation is not None
    assert conversation.members[-1] == Member(user=carol, name="carol", role=0, first=3, read=2, delivered=2)


async def test_joining_without_a_record_sees_from_the_next_one_on(store: Store) -> None:
    house = await House.build(store, "alice", "bob", "carol")
    await house.room("alice", "bob")
    await house.append(
        house.write("alice", NO_ENTRY, members=[MemberChange(user=house.users["carol"], role=Role.MEMBER)])
    )
    conversation = await store.conversation(ROOM)
    assert conversation is not None
    assert conversation.members[-1].first == 2


async def test_a_new_role_keeps_the_marks_and_leaving_and_joining_again_does_not(store: Store) -> None:
    house = await House.build(store)
    bob = house.users["bob"]
    await house.append(
        house.creation("alice", "bob"), *(house.message("alice", "x", "bob") for _ in range(4))
    )
    await house.append(house.read("bob", 3, "alice"))
    await house.append(house.write("alice", Kind.ROLE, members=[MemberChange(user=bob, role=Role.ADMIN)]))
    conversation = await store.conversation(ROOM)
    assert conversation is not None
    assert conversation.members[1] == Member(user=bob, name="bob", role=1, first=1, read=3, delivered=0)
    gone = house.write("alice", Kind.REMOVED, members=[MemberChange(user=bob, role=None)])
    back = house.write("alice", Kind.JOINED, members=[MemberChange(user=bob, role=Role.MEMBER)])
    again = house.write("alice", Kind.REMOVED, device=0, members=gone.members)
    await house.append(gone, again, back)
    conversation = await store.conversation(ROOM)
    assert conversation is not None
    assert conversation.members[1] == Member(user=bob, name="bob", role=0, first=9, read=8, delivered=8)


async def test_a_title_changes_with_its_record(store: Store) -> None:
    house = await House.build(store)
    await house.room("alice", "bob", title="old")
    await house.append(house.write("alice", Kind.RENAMED, payload=pack(["new"]), title="new"))
    conversation = await store.conversation(ROOM)
    assert conversation is not None
    assert (conversation.title, conversation.head) == ("new", 2)


@pytest.mark.parametrize("together", [True, False])
async def test_a_recall_erases_the_message_and_its_edits_everywhere(store: Store, together: bool) -> None:
    house = await House.build(store)
    bob = house.users["bob"]
    await house.room("alice", "bob")
    writes = [
        house.message("alice", "secret", "bob"),
        house.change("alice", Kind.EDITED, 2, pack([2, "edited secret"]), "bob"),
        house.change("bob", Kind.REACTED, 2, pack([2, "!", True]), "bob"),
        house.change("alice", Kind.RECALLED, 2, pack([2]), "bob"),
        house.change("alice", Kind.EDITED, 2, pack([2, "after all"]), "bob"),
    ]
    for batch in [writes] if together else [[write] for write in writes]:
        await house.append(*batch)
    bodies = [pack("secret"), pack([2, "edited secret"]), pack([2, "after all"])]
    kinds = (Kind.MESSAGE, Kind.EDITED, Kind.EDITED)
    digests = [record_digest(k, AT_MS, "alice", ROOM, b) for k, b in zip(kinds, bodies, strict=True)]
    marks = [digest.to_bytes(4, "big") for digest in digests]
    expected = [marks[0], [2, marks[1]], [2, "!", True], [2], [2, marks[2]]]
    log = await store.log_range(bob, 1, limit=99, bytes_max=9999)
    assert [unpack(row.entry.payload) for row in log] == expected
    page, _ = await store.history(ROOM, first=2, before=0, limit=99)
    assert [unpack(entry.payload) for entry in page] == expected
    record = await store.record(ROOM, 2)
    assert record is not None
    assert record.payload == pack(marks[0])
    # What the log once weighed it weighs for good: positions and sums are never rewritten.
    sizes = [len(write.payload) for write in writes]
    head = (await store.log_heads([bob]))[bob]
    created = log_bytes(house.creation("alice", "bob").payload)
    assert head == LogHead(head=6, oldest=1, bytes_total=created + sum(sizes) + 8 * 5)


async def test_marks_ride_along_and_only_rise(store: Store) -> None:
    house = await House.build(store)
    await house.room("alice", "bob")
    phone, bob = house.devices["bob"].id, house.users["bob"]
    await store.append(
        [house.message("alice", "x", "bob")],
        Marks(
            acked={phone: 2, 99: 5}, delivered={(ROOM, bob): 2, (OTHER, bob): 1}, seen_ms={phone: AT_MS + 9}
        ),
    )
    await store.append([], Marks(acked={phone: 1}, delivered={(ROOM, bob): 1}, seen_ms={phone: 5}))
    assert (await store.devices([1002]))[1002].acked == 2
    conversation = await store.conversation(ROOM)
    assert conversation is not None
    assert conversation.members[1].delivered == 2
    assert await store.last_seen_ms([bob, 99]) == {bob: AT_MS + 9}


async def test_what_the_caller_changes_afterwards_is_not_the_stores(store: Store) -> None:
    house = await House.build(store)
    await house.room("alice", "bob")
    write = house.message("alice", "kept", "bob")
    recipients = list(write.recipients)
    write.recipients = recipients
    (place,) = await house.append(write)
    write.payload, write.title = pack("other"), "other"
    recipients.clear()
    record = await store.record(ROOM, 2)
    assert record is not None
    assert record.payload == pack("kept")
    assert placed([place]) == [(2, [2])]
