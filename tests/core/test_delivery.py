"""Everybody gets every entry once, in order, whenever they come."""

import pytest

from improtocol import Kind, frames
from improtocol import commands as c
from improtocol.limits import EVENT_BYTES_IN_FLIGHT_MAX, EVENTS_FRAME_BYTES_SOFT_MAX, EVENTS_IN_FLIGHT_MAX
from imserver.core.users import TAIL_BYTES_MAX
from imserver.storage.store import log_bytes
from tests.core.house import House, post
from tests.core.links import FakeLink


async def test_message_to_a_user_who_never_connected_waits_for_the_first_login(house: House) -> None:
    alice = await house.phone("alice").connect()
    result = await alice.one(post("bob", "are you there?"))
    assert (result.code, result.value) == (0, 2)
    bob = await house.phone("bob").connect()
    assert [entry.kind for entry in bob.entries] == [Kind.CREATED, Kind.MESSAGE]
    assert bob.texts == ["are you there?"]
    assert bob.connected is not None
    assert bob.connected.behind_events == 2


async def test_two_devices_see_everything_and_the_other_device_s_own_messages_and_agree_on_read_state(
    house: House,
) -> None:
    phone = await house.phone("alice", "phone").connect()
    tablet = await house.phone("alice", "tablet").connect()
    bob = await house.phone("bob").connect()
    await phone.one(post("bob", "from the phone"))
    await tablet.one(post("bob", "from the tablet"))
    await bob.settle()
    await bob.one(post("alice", "from bob"))
    await phone.settle()
    await tablet.settle()
    assert bob.texts == ["from the phone", "from the tablet"]
    assert tablet.texts == ["from the phone", "from bob"]
    assert phone.texts == ["from the tablet", "from bob"], "its own message is known by its result"
    conversation = phone.conversation
    await phone.one(c.MarkRead(conversation=conversation, seq=4))
    await tablet.settle()
    read = tablet.entries[-1]
    assert (read.kind, read.sender, read.seq) == (Kind.READ, "alice", 4)
    for device in (phone, tablet):
        page = await device.conversations()
        assert [(info.read, info.unread) for info in page.conversations] == [(4, 0)]


async def test_own_entries_are_not_echoed_but_the_making_of_a_conversation_is(house: House) -> None:
    alice = await house.phone("alice").connect()
    await alice.one(post("bob", "hello"))
    assert [entry.kind for entry in alice.entries] == [Kind.CREATED]
    result = await alice.one(post(alice.conversation, "again"))
    assert result.value == 3
    assert [entry.kind for entry in alice.entries] == [Kind.CREATED]


async def test_ten_thousand_events_behind_catch_up_in_bounded_memory_while_new_messages_keep_their_order(
    house: House,
) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    await alice.one(post("bob", "0"))
    await bob.settle()
    bob.drop()
    for begin in range(1, 10_000, 30):
        await alice.do(*(post("bob", str(n)) for n in range(begin, min(begin + 30, 10_000))))
    user = house.core._delivery.user(2)
    assert user is not None
    assert user.tail is not None
    assert len(user.tail) == house.limits.tail_entries_max, "the tail in memory is bounded"
    bob.acks = False
    await bob.resume()
    assert bob.resumed is not None
    assert bob.resumed.behind_events == 9999
    assert 0 < bob.cursor - 2 <= EVENTS_IN_FLIGHT_MAX, "it stops at the window"
    assert bob.link is not None
    late = 10_000
    bob.acks = True
    bob.link.say(frames.Ack(count=bob.cursor - 2))
    while bob.cursor < house.core._delivery.user(2).head:  # type: ignore[union-attr]
        alice.send(post("bob", str(late)))
        late += 1
        before = bob.cursor
        await alice.settle()
        await bob.settle()
        assert bob.cursor > before
    assert bob.texts == [str(n) for n in range(late)]
    assert late > 10_000


async def test_never_more_positions_than_the_window_are_sent_beyond_the_acknowledged_one(
    house: House,
) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    bob.acks = False
    for _ in range(12):
        await alice.do(*(post("bob", "x") for _ in range(32)))
    await bob.settle()
    assert bob.cursor == EVENTS_IN_FLIGHT_MAX
    assert bob.link is not None
    bob.link.say(frames.Ack(count=1))
    await bob.settle()
    assert bob.cursor == EVENTS_IN_FLIGHT_MAX + 1


async def test_skipped_own_entries_count_in_the_window_and_the_device_hears_where_it_stands(
    house: House,
) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    alice.acks = False
    for _ in range(7):
        await bob.do(*(post("alice", "x") for _ in range(31)))
    await alice.do(*(post("bob", "mine") for _ in range(32)))
    await alice.do(*(post("bob", "mine") for _ in range(16)))
    await alice.settle()
    assert alice.cursor == EVENTS_IN_FLIGHT_MAX, "the last of them it was told by an empty range"
    await bob.one(post("alice", "beyond the window"))
    await alice.settle()
    assert "beyond the window" not in alice.texts
    assert alice.link is not None
    alice.link.say(frames.Ack(count=alice.cursor))
    await alice.settle()
    assert alice.texts[-1] == "beyond the window"


async def test_large_messages_close_the_window_by_their_bytes(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    bob.acks = False
    for _ in range(4):
        await alice.do(*(post("bob", "y" * 30_000) for _ in range(8)))
    await bob.settle()
    most = (EVENT_BYTES_IN_FLIGHT_MAX + EVENTS_FRAME_BYTES_SOFT_MAX) // 30_000 + 1
    assert 0 < len(bob.texts) <= most


async def test_large_messages_do_not_make_the_tail_in_memory_large_and_all_arrive(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    await alice.one(post("bob", "0"))
    await bob.settle()
    bob.drop()
    await alice.do(*(post("bob", str(n).rjust(20_000)) for n in range(1, 20)))
    await alice.one(c.Recall(conversation="bob", target=21))
    user = house.core._delivery.user(2)
    assert user is not None
    held_bytes = sum(log_bytes(held.payload) for held in user.tail or ())
    assert user.tail_bytes == held_bytes <= TAIL_BYTES_MAX
    await bob.resume()
    assert [text.strip() for text in bob.texts] == [*map(str, range(19)), ""]
    await alice.one(post("bob", "z" * 31_000))
    await bob.settle()
    assert bob.texts[-1] == "z" * 31_000


async def test_a_blocked_connection_leaves_the_cursor_where_it_is_and_goes_on_from_there(
    house: House,
) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    assert bob.link is not None
    bob.link.blocked = True
    await alice.do(post("bob", "1"), post("bob", "2"))
    await bob.settle()
    assert bob.texts == []
    bob.link.blocked = False
    session = bob.link.session
    assert session is not None
    house.core.writable(session)
    house.core.links.flush()
    await bob.settle()
    assert bob.texts == ["1", "2"]


async def test_a_device_that_only_talks_is_told_where_its_cursor_stands_before_the_window_is_full(
    house: House,
) -> None:
    alice = await house.phone("alice").connect()
    for _ in range(20):
        await alice.do(*(post("bob", "mine") for _ in range(32)))
    assert alice.texts == []
    head = house.core._delivery.user(1).head  # type: ignore[union-attr]
    assert head - alice.cursor < house.limits.silent_positions_max
    bob = await house.phone("bob").connect()
    await bob.one(post("alice", "yours"))
    await alice.settle()
    assert alice.texts == ["yours"]


async def test_a_device_is_told_where_it_stands_also_when_the_connection_was_blocked_at_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was quoted a head at which only its own messages stand, and waits to hear that it is there."""
    alice = await house.phone("alice").connect()
    await alice.one(post("bob", "mine"))
    await alice.one(post("bob", "mine"))
    before = alice.cursor
    alice.drop()
    monkeypatch.setattr(FakeLink, "attached", lambda link: setattr(link, "blocked", True))
    await alice.resume()
    assert alice.link is not None
    assert alice.cursor == before < 3
    alice.link.blocked = False
    session = alice.link.session
    assert session is not None
    house.core.writable(session)
    house.core.links.flush()
    await alice.settle()
    assert alice.cursor == 3


async def test_superseded_read_marks_are_left_out_of_a_range_and_the_newest_arrives(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    await alice.do(*(post("bob", str(n)) for n in range(5)))
    await bob.settle()
    alice.drop()
    for seq in range(2, 7):
        await bob.one(c.MarkRead(conversation=bob.conversation, seq=seq))
    before = len(alice.entries)
    await alice.resume()
    assert [(entry.kind, entry.seq) for entry in alice.entries[before:]] == [(Kind.READ, 6)]
    assert alice.cursor == house.core._delivery.user(1).head  # type: ignore[union-attr]


async def test_a_cold_read_that_ends_after_the_device_moved_to_another_connection_is_not_sent_twice(
    house: House,
) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    bob.drop()
    for _ in range(4):
        await alice.do(*(post("bob", "z") for _ in range(32)))
    house.store.hold("log_range")
    await bob.resume(settle=False)
    await house.store.held.wait()
    bob.drop()
    await bob.resume(settle=False)
    house.store.release()
    await bob.settle()
    assert len(bob.texts) == 128
    assert len({entry.seq for entry in bob.entries}) == 129
