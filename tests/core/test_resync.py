"""A cursor that cannot be served gets an explicit RESYNC, and the snapshot is complete (G5, G13)."""

import trio
import trio.testing

from improtocol import Code, Kind, ResyncReason, frames
from improtocol import commands as c
from imserver.core import CoreLimits
from tests.core.house import House, pair, post


async def test_a_cursor_from_the_future_gets_resync_and_the_seek_ends_it(house: House) -> None:
    alice, bob = await pair(house)
    bob.drop()
    bob.cursor = 1000
    await bob.resume()
    assert [resync.reason for resync in bob.resyncs()] == [ResyncReason.FUTURE]
    page = await bob.conversations()
    bob.cursor = page.head
    bob.link.say(frames.Seek(position=page.head))  # type: ignore[union-attr]
    await alice.one(post("bob", "second"))
    await bob.settle()
    assert bob.texts == ["first", "second"]


async def test_cursor_older_than_retention_resync_then_list_and_history_are_complete(house: House) -> None:
    alice, bob = await pair(house)
    bob.drop()
    await alice.do(*(post("bob", str(n)) for n in range(20)))
    house.clock.ms += 91 * 86_400_000
    bob_login = house.phone("bob")
    await alice.connect()
    assert await house.core.trim_logs() > 0
    await alice.one(post("bob", "young"))
    bob_login.epoch, bob_login.cursor = bob.epoch, bob.cursor
    await bob_login.connect()
    resync = bob_login.resyncs()[0]
    assert resync.reason == ResyncReason.RETENTION
    assert resync.oldest > bob.cursor + 1
    page = await bob_login.conversations()
    assert [info.unread for info in page.conversations] == [22]
    history = await bob_login.history(page.conversations[0].conversation, limit=100)
    assert [entry.seq for entry in history.entries] == list(range(1, 24))
    assert history.complete
    assert bob_login.texts == [], "nothing is streamed before the SEEK"
    bob_login.cursor = page.head
    bob_login.link.say(frames.Seek(position=page.head))  # type: ignore[union-attr]
    await alice.one(post("bob", "after"))
    await bob_login.settle()
    assert bob_login.texts == ["after"]


async def test_retention_that_overtakes_a_device_in_the_middle_of_its_catch_up_is_a_resync(
    house: House,
) -> None:
    alice, bob = await pair(house)
    bob.drop()
    for _ in range(12):
        await alice.do(*(post("bob", "x") for _ in range(32)))
    bob.acks = False
    await bob.resume()
    house.clock.ms += 91 * 86_400_000
    await house.core.trim_logs()
    bob.link.say(frames.Ack(count=bob.cursor - 2))  # type: ignore[union-attr]
    await bob.settle()
    assert [resync.reason for resync in bob.resyncs()] == [ResyncReason.RETENTION]


async def test_a_restored_server_has_another_epoch_and_takes_commands_only_after_the_seek(
    house: House,
) -> None:
    alice, _bob = await pair(house)
    await alice.one(post("bob", "lost with the disk"))
    house.store._epoch = 78
    await house.restart()
    alice.outbox[3] = post("bob", "again")
    await alice.resume()
    assert [resync.reason for resync in alice.resyncs()] == [ResyncReason.RESTORED]
    assert alice.resyncs()[0].epoch == 78
    assert alice.results[3].code == Code.OUT_OF_TURN
    assert alice.results[3].reason == "a RESYNC is under way: SEEK first"
    page = await alice.conversations()
    alice.link.say(frames.Seek(position=page.head))  # type: ignore[union-attr]
    alice.cursor, alice.epoch = page.head, 78
    alice.drop()
    await alice.resume()
    assert alice.results[3].code == 0
    assert len(alice.resyncs()) == 1


async def test_a_device_that_lost_its_data_gets_a_resync_as_the_log_tells_it_nothing_of_its_own(
    house: House,
) -> None:
    _alice, _bob = await pair(house)
    fresh = await house.phone("alice").connect()
    assert [resync.reason for resync in fresh.resyncs()] == [ResyncReason.RETENTION]
    page = await fresh.history("bob")
    assert [entry.kind for entry in page.entries] == [Kind.CREATED, Kind.MESSAGE]


async def test_a_voluntary_seek_skips_ahead_and_never_back(house: House) -> None:
    alice, bob = await pair(house)
    bob.acks = False
    assert bob.link is not None
    session = bob.link.session
    assert session is not None
    bob.link.say(frames.Seek(position=0))
    assert session.scanned == bob.cursor
    bob.link.blocked = True
    await alice.do(*(post("bob", str(n)) for n in range(5)))
    bob.link.blocked = False
    bob.link.say(frames.Seek(position=6))
    bob.cursor = 6
    await bob.settle()
    assert bob.texts == ["first", "4"]


async def test_a_store_whose_users_come_back_by_another_device_finds_one_log(house: House) -> None:
    _alice, _ = await pair(house)
    other = await house.phone("alice", "tablet").connect()
    assert other.texts == ["first"]
    assert (await other.one(c.MarkRead(conversation="bob", seq=2))).code == 0


async def test_who_never_heard_of_the_first_messages_end_resumes_from_0_like_everybody(house: House) -> None:
    """The connection broke between the commit and its results: nothing is lost, so nothing is resynced."""
    alice = await house.phone("alice").connect()
    alice.send(*(post("bob", f"{n}") for n in range(3)))
    alice.drop()
    await trio.testing.wait_all_tasks_blocked()
    assert house.core.statistics().commands == 3, "they were carried out"
    await alice.resume()
    assert alice.resyncs() == []
    assert [alice.results[counter].value for counter in (1, 2, 3)] == [2, 3, 4]
    assert [entry.kind for entry in alice.entries] == [Kind.CREATED]
    assert alice.cursor == 4


async def test_nothing_follows_a_difference_that_was_found_during_a_read(nursery: trio.Nursery) -> None:
    house = await House(limits=CoreLimits(tail_entries_max=1)).open(nursery)
    alice, bob = await pair(house)
    bob.drop()
    for number in range(300):
        await alice.one(post("bob", str(number)))
    bob.acks = False
    await bob.resume()
    assert bob.link is not None
    house.store.hold("log_range")
    bob.link.say(frames.Ack(count=bob.cursor - 2))
    await house.store.held.wait()
    bob.link.arrived.clear()
    bob.link.say(frames.Ack(count=0, digest=12345))
    house.store.release()
    await trio.testing.wait_all_tasks_blocked()
    assert [type(frame) for frame in bob.link.arrived] == [frames.Resync]
