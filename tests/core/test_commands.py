"""The command stream: a counter yields one record at most, and each retry the original result (G2, G8)."""

import pytest
import trio

from improtocol import Code, frames
from improtocol import commands as c
from improtocol.errors import RemoteProtocolError
from improtocol.limits import COMMANDS_IN_FLIGHT_MAX
from tests.core.house import House, pair, post


async def test_ack_lost_on_the_way_and_the_retry_stores_nothing_twice(house: House) -> None:
    alice, bob = await pair(house)
    alice.send(post("bob", "only once"))
    lost = alice.drop()
    await trio.testing.wait_all_tasks_blocked()
    assert not any(isinstance(frame, frames.Result) for frame in lost.arrived), "the result went nowhere"
    await alice.resume()
    assert alice.results[2].code == 0
    assert alice.results[2].value == 3
    await bob.settle()
    assert bob.texts == ["first", "only once"]
    assert len((await bob.history("alice")).entries) == 3


async def test_a_retry_gets_the_original_result_also_from_another_server_process(house: House) -> None:
    alice, _bob = await pair(house)
    original = await alice.one(post("bob", "x"))
    house.clock.ms += 60_000
    alice.outbox[2] = post("bob", "x")
    alice.drop()
    await alice.resume()
    assert alice.results[2] == original
    alice.outbox[2] = post("bob", "x")
    await house.restart()
    await alice.resume()
    assert alice.results[2] == original


async def test_the_same_counter_with_another_payload_is_a_conflict(house: House) -> None:
    alice, bob = await pair(house)
    alice.drop()
    alice.outbox[1] = post("bob", "something else")
    await alice.resume()
    assert alice.results[1].code == Code.CONFLICT
    await bob.settle()
    assert bob.texts == ["first"]


async def test_a_counter_older_than_the_window_is_a_conflict_because_nobody_knows(house: House) -> None:
    alice, _ = await pair(house)
    await alice.do(*(post("bob", "x") for _ in range(COMMANDS_IN_FLIGHT_MAX)))
    alice.drop()
    alice.outbox[1] = post("bob", "first")
    await alice.resume()
    assert alice.results[1].code == Code.CONFLICT


async def test_a_counter_beyond_the_next_is_out_of_turn_and_stays_free(house: House) -> None:
    alice, bob = await pair(house)
    assert alice.link is not None
    alice.link.say(frames.Command(counter=3, action=post("bob", "too early")))
    await alice.settle()
    assert alice.results[3].code == Code.OUT_OF_TURN
    second, third = await alice.do(post("bob", "2"), post("bob", "3"))
    assert (second.code, third.code) == (0, 0)
    await bob.settle()
    assert bob.texts == ["first", "2", "3"]


async def test_a_refused_command_uses_its_counter_up_and_its_retry_is_refused_alike(house: House) -> None:
    alice, _ = await pair(house)
    result = await alice.one(post(123456, "to nowhere"))
    assert result.code == Code.NOT_FOUND
    alice.drop()
    alice.outbox[2] = post(123456, "to nowhere")
    await alice.resume()
    assert alice.results[2].code == Code.NOT_FOUND
    assert (await alice.one(post("bob", "goes on"))).code == 0


async def test_results_come_in_counter_order_for_a_full_window(house: House) -> None:
    alice, _ = await pair(house)
    results = await alice.do(*(post("bob", str(n)) for n in range(COMMANDS_IN_FLIGHT_MAX)))
    assert [result.value for result in results] == list(range(3, 3 + COMMANDS_IN_FLIGHT_MAX))


async def test_more_commands_than_the_window_end_the_connection(house: House) -> None:
    alice, _ = await pair(house)
    house.store.hold("append")
    with pytest.raises(RemoteProtocolError):
        alice.send(*(post("bob", "x") for _ in range(COMMANDS_IN_FLIGHT_MAX + 1)))
    house.store.release()


async def test_a_full_window_may_be_sent_again_on_a_new_connection_while_the_old_one_s_is_still_being_written(
    house: House,
) -> None:
    alice, bob = await pair(house)
    house.store.hold("append")
    alice.send(*(post("bob", str(n)) for n in range(COMMANDS_IN_FLIGHT_MAX)))
    for _ in range(5):
        alice.vanish()
        await alice.resume(settle=False)
        await trio.testing.wait_all_tasks_blocked()
    house.store.release()
    await alice.settle()
    while alice.outbox:  # what the server refused for now is sent again, as a client does
        alice.drop()
        await alice.resume()
    await bob.settle()
    assert bob.texts == ["first", *(str(n) for n in range(COMMANDS_IN_FLIGHT_MAX))]


async def test_a_session_cannot_pile_up_commands_by_reconnecting(house: House) -> None:
    alice, _ = await pair(house)
    house.store.hold("append")
    alice.send(*(post("bob", str(n)) for n in range(COMMANDS_IN_FLIGHT_MAX)))
    for _ in range(20):
        alice.vanish()
        await alice.resume(settle=False)
    assert house.core.statistics().commands_pending <= 4 * COMMANDS_IN_FLIGHT_MAX
    house.store.release()
    await alice.settle()


async def test_a_login_of_the_same_device_goes_on_with_its_counters(house: House) -> None:
    alice, bob = await pair(house)
    alice.send(post("bob", "before the login"))
    alice.drop()
    await alice.settle()
    old = alice.session
    await alice.connect()
    assert alice.session != old
    assert alice.connected is not None
    assert alice.connected.accepted == 2
    assert (await alice.one(post("bob", "after"))).code == 0
    await bob.settle()
    assert bob.texts == ["first", "before the login", "after"]


async def test_logout_ends_the_session_for_good_and_a_new_login_goes_on(house: House) -> None:
    alice, bob = await pair(house)
    alice.send(c.Logout(), post("bob", "too late"))
    await alice.settle()
    assert alice.results[2].code == 0
    assert alice.closed is not None
    assert alice.closed.code == Code.SESSION_ENDED
    alice.other.clear()
    alice.outbox.clear()
    await alice.resume()
    assert alice.closed is not None
    assert alice.closed.code in {Code.SESSION_ENDED, Code.SESSION_UNKNOWN}
    alice.other.clear()
    await alice.connect()
    assert alice.connected is not None
    assert alice.connected.accepted == 2
    await bob.settle()
    assert bob.texts == ["first"]


async def test_overload_is_refused_with_a_retry_time_and_the_counter_stays_free(house: House) -> None:
    alice, bob = await pair(house)
    house.core._commits._limits = type(house.limits)(commands_pending_max=1)
    house.store.hold("append")
    alice.send(post("bob", "1"))
    await house.store.held.wait()
    alice.send(post("bob", "2"), post("bob", "3"))
    house.store.release()
    await alice.settle()
    assert alice.results[3].code == 0
    refused = alice.results[4]
    assert refused.code == Code.OVERLOADED
    assert refused.retry_after_ms > 0
    alice.drop()
    await alice.resume()
    assert alice.results[4].code == 0
    await bob.settle()
    assert bob.texts == ["first", "1", "2", "3"]


async def test_drain_returns_although_commands_keep_coming(house: House) -> None:
    alice, _ = await pair(house)
    drained = trio.Event()

    async def drain() -> None:
        await house.core.drain()
        drained.set()

    async with trio.open_nursery() as nursery:
        house.store.hold("append")
        alice.send(post("bob", "x"))
        await house.store.held.wait()
        nursery.start_soon(drain)
        await trio.testing.wait_all_tasks_blocked()
        assert not drained.is_set(), "what was received is not yet durable"
        gate = house.store.go
        alice.send(post("bob", "later"))
        house.store.hold("append")
        gate.set()
        await house.store.held.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert drained.is_set(), "the later command is not waited for"
        house.store.release()
    await alice.settle()
    assert alice.results[3].code == 0
