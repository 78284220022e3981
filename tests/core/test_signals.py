"""Typing, presence, delivered watermarks: cheap, lossy, and never to the wrong ear."""

import trio
import trio.testing

from improtocol import SignalKind, commands, frames, queries, unpack
from tests.core.house import House, Phone, pair, post


def typing(conversation: int | str) -> frames.Signal:
    return frames.Signal(kind=SignalKind.TYPING, conversation=conversation, value=1, text="I am w")


def watch(user: str) -> frames.Signal:
    return frames.Signal(kind=SignalKind.WATCH, user=user)


def presence(phone: Phone) -> list[int]:
    return [signal.value for signal in phone.signals(SignalKind.PRESENCE)]


async def say(phone: Phone, *said: frames.Signal) -> None:
    assert phone.link is not None
    phone.link.say(*said)
    await phone.settle()


async def test_typing_reaches_the_other_members_with_its_preview(house: House) -> None:
    alice, bob = await pair(house)
    await say(alice, typing(alice.conversation))
    await bob.settle()
    (signal,) = bob.signals(SignalKind.TYPING)
    assert (signal.user, signal.value, signal.text) == ("alice", 1, "I am w")
    assert alice.signals(SignalKind.TYPING) == []


async def test_typing_in_a_conversation_that_is_not_in_memory_arrives_without_waiting_for_other_traffic(
    house: House,
) -> None:
    alice, bob = await pair(house)
    await house.restart()
    await alice.resume()
    await bob.resume()
    await say(alice, typing("bob"))
    await bob.settle()
    assert len(bob.signals(SignalKind.TYPING)) == 1


async def test_a_signal_that_comes_while_the_server_goes_down_is_dropped(house: House) -> None:
    alice, bob = await pair(house)
    await house.restart()
    await alice.resume()
    await bob.resume()
    await house.stop()
    await say(alice, typing("bob"), watch("bob"))
    assert bob.signals(SignalKind.TYPING) == []


async def test_typing_in_foreign_or_large_conversations_is_dropped(house: House) -> None:
    alice, bob = await pair(house)
    mallory = await house.phone("mallory").connect()
    await say(mallory, typing(alice.conversation), typing(424242))
    names = [f"m{n}" for n in range(house.limits.receipts_members_max)]
    group = await house.group(alice, "bob", *names)
    await say(alice, typing(group))
    await bob.settle()
    assert bob.signals(SignalKind.TYPING) == []


async def test_delivered_tells_the_sender_once_in_a_while_how_far_the_other_devices_are(
    house: House, mock_clock: trio.testing.MockClock
) -> None:
    alice, bob = await pair(house)
    bob.acks = False
    await alice.settle()
    mock_clock.jump(house.limits.delivered_wait_s)
    await alice.settle()
    alice.other.clear()
    for text in ("second", "third"):
        await alice.one(post("bob", text))
    await bob.settle()
    mock_clock.jump(house.limits.delivered_wait_s)
    await alice.settle()
    assert alice.signals(SignalKind.DELIVERED) == []
    assert bob.link is not None
    for _ in range(2):
        bob.link.say(frames.Ack(count=1))
    await alice.settle()
    assert alice.signals(SignalKind.DELIVERED) == []
    mock_clock.jump(house.limits.delivered_wait_s)
    await alice.settle()
    (signal,) = alice.signals(SignalKind.DELIVERED)
    assert (signal.user, signal.value) == ("bob", 4)


async def test_presence_tells_who_watches_and_lifts_and_tunnels_are_not_goodbyes(
    house: House, mock_clock: trio.testing.MockClock
) -> None:
    alice, bob = await pair(house)
    await say(alice, watch("bob"))
    assert presence(alice) == [1]
    bob.drop()
    mock_clock.jump(10)
    await trio.testing.wait_all_tasks_blocked()
    await bob.resume()
    mock_clock.jump(60)
    await alice.settle()
    assert presence(alice) == [1], "a short absence is told to nobody"
    bob.drop()
    mock_clock.jump(house.limits.presence_grace_s + 6)
    await alice.settle()
    assert presence(alice) == [1, 0]
    await bob.resume()
    await alice.settle()
    assert presence(alice) == [1, 0, 1]


async def test_who_begins_to_watch_in_the_grace_time_is_told_the_truth_in_the_end(
    house: House, mock_clock: trio.testing.MockClock
) -> None:
    alice, bob = await pair(house)
    bob.drop()
    await say(alice, watch("bob"))
    assert presence(alice) == [1], "he is not gone yet"
    reply = await alice.ask(queries.Presence(users=("bob",)))
    assert queries.PresenceList.from_value(unpack(reply.payload)).users[0][1] is True
    await bob.resume()
    await alice.settle()
    assert presence(alice)[-1] == 1
    bob.drop()
    mock_clock.jump(house.limits.presence_grace_s + 6)
    await alice.settle()
    assert presence(alice)[-1] == 0


async def test_a_user_forgotten_and_made_anew_within_the_grace_time_is_not_told_as_gone(
    house: House, mock_clock: trio.testing.MockClock
) -> None:
    alice, bob = await pair(house)
    await say(alice, watch("bob"))
    bob.drop()
    registry = house.core._registry
    registry._limits = type(house.limits)(users_cached_max=1)
    registry.shrink(house.core._delivery, 1)
    registry._by_id.pop(bob.session, None)
    house.core._delivery._users.pop(2, None)
    await bob.resume()
    mock_clock.jump(60)
    await alice.settle()
    assert presence(alice) == [1]


async def test_only_users_one_shares_a_conversation_with_can_be_watched(house: House) -> None:
    await pair(house)
    mallory = await house.phone("mallory").connect()
    await say(mallory, watch("bob"), watch("nobody"))
    assert presence(mallory) == []


async def test_a_watch_ends_with_the_last_shared_conversation(
    house: House, mock_clock: trio.testing.MockClock
) -> None:
    """Who was put out of the group hears no more of who comes and goes there."""
    alice = await house.phone("alice").connect()
    mallory = await house.phone("mallory").connect()
    await alice.one(commands.Create(conversation=77, title="room", members=("mallory",)))
    await mallory.settle()
    await say(mallory, watch("alice"))
    assert presence(mallory) == [1]
    await alice.one(commands.Remove(conversation=77, user="mallory"))
    alice.drop()
    mock_clock.jump(house.limits.presence_grace_s + 6)
    await mallory.settle()
    assert presence(mallory) == [1]
    await alice.resume()
    await mallory.settle()
    assert presence(mallory) == [1]


async def test_watches_that_are_looked_up_at_once_all_count_and_all_end_with_the_connection(
    house: House,
) -> None:
    alice, _ = await pair(house)
    await alice.do(*(post(f"u{n}", "x") for n in range(5)))
    house.store.hold("share_conversation")
    assert alice.link is not None
    alice.link.say(*(watch(f"u{n}") for n in range(5)))
    await house.store.held.wait()
    house.store.release()
    await alice.settle()
    assert len(alice.signals(SignalKind.PRESENCE)) == 5
    alice.drop()
    assert house.core._signals._watchers == {}, "nothing is left of them"


async def test_a_watch_ends_with_the_connection_that_asked(house: House) -> None:
    alice, _bob = await pair(house)
    house.store.hold("share_conversation")
    assert alice.link is not None
    alice.link.say(watch("bob"))
    await house.store.held.wait()
    alice.drop()
    await alice.resume(settle=False)
    house.store.release()
    await alice.settle()
    assert presence(alice) == []
    assert house.core._signals._watchers == {}


async def test_in_the_background_signals_ride_along_with_the_next_message_and_typing_is_left_out(
    house: House, mock_clock: trio.testing.MockClock
) -> None:
    alice, bob = await pair(house)
    await say(bob, watch("alice"))
    assert bob.link is not None
    bob.link.say(frames.Mode(mode=1))
    bob.other.clear()
    await bob.one(post("alice", "from the background"))
    await say(alice, typing(alice.conversation))
    mock_clock.jump(house.limits.delivered_wait_s)
    await bob.settle()
    assert bob.signals(SignalKind.DELIVERED) == []
    await alice.one(post("bob", "a real message"))
    await bob.settle()
    assert len(bob.signals(SignalKind.DELIVERED)) == 1
    assert bob.signals(SignalKind.TYPING) == []
