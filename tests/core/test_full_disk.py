"""Disk full: a typed refusal, nothing lost, works on with room. A broken store: no further ack (G7)."""

from typing import NoReturn

import pytest
import trio
import trio.testing

from improtocol import Code, frames, queries
from improtocol import commands as c
from imserver.storage.store import StoreBroken
from tests.core.house import House, Phone, SlowStore, pair, post


async def test_disk_full_is_a_typed_refusal_that_loses_nothing_and_ends_with_room(house: House) -> None:
    alice, bob = await pair(house)
    house.store.full = True
    results = await alice.do(post("bob", "a"), post("bob", "b"))
    assert [result.code for result in results] == [Code.DISK_FULL, Code.DISK_FULL]
    assert all(result.retry_after_ms > 0 for result in results)
    assert len((await bob.history("alice")).entries) == 2, "reads go on"
    assert bob.texts == ["first"], "nothing is shown that is not durable"
    assert house.core.statistics().disk_full > 0
    house.store.full = False
    alice.drop()
    await alice.resume()
    assert [alice.results[n].value for n in (2, 3)] == [3, 4]
    await bob.settle()
    assert bob.texts == ["first", "a", "b"]


async def test_what_a_refused_batch_decided_on_members_did_not_happen(house: House) -> None:
    alice, bob = await pair(house)
    group = await house.group(alice, "bob")
    house.store.full = True
    refused = await alice.do(
        c.Remove(conversation=group, user="bob"),
        c.Create(conversation=99, title="new"),
        post("carol-who-is-new", "x"),
    )
    assert {result.code for result in refused} == {Code.DISK_FULL}
    house.store.full = False
    assert (await bob.one(post(group, "still in"))).code == 0
    alice.drop()
    await alice.resume()
    assert [alice.results[n].code for n in (3, 4, 5)] == [0, 0, 0]
    assert (await bob.one(post(group, "now out"))).code == Code.NOT_FOUND


async def test_a_read_mark_of_a_refused_batch_did_not_move(house: House) -> None:
    _, bob = await pair(house)
    house.store.full = True
    assert (await bob.one(c.MarkRead(conversation="alice", seq=2))).code == Code.DISK_FULL
    assert (await bob.conversations()).conversations[0].unread == 1
    house.store.full = False
    bob.drop()
    await bob.resume()
    assert bob.results[1].value == 2
    assert (await bob.conversations()).conversations[0].unread == 0


async def test_a_login_on_a_full_disk_is_asked_to_come_back(house: House) -> None:
    house.store.full = True
    alice = await house.phone("alice").connect()
    assert alice.closed is not None
    assert alice.closed.code == Code.DISK_FULL
    assert alice.closed.retry_after_ms > 0
    assert house.core.statistics().disk_full == 1
    house.store.full = False
    alice.other.clear()
    assert (await (await alice.connect()).one(post("bob", "x"))).code == 0


async def test_a_resume_works_on_a_full_disk(house: House) -> None:
    alice, bob = await pair(house)
    bob.drop()
    await alice.one(post("bob", "second"))
    house.store.full = True
    await house.restart()
    await bob.resume()
    assert bob.texts == ["first", "second"]


async def test_a_logout_stays_one_when_a_later_batch_finds_the_disk_full(house: House) -> None:
    alice, bob = await pair(house)
    house.store.hold("append")
    alice.send(c.Logout())
    await house.store.held.wait()
    alice.send(post("bob", "behind the logout"))
    bob.send(post("alice", "in the same batch"))
    gate = house.store.go
    house.store.hold("append")
    gate.set()
    await house.store.held.wait()
    house.store.full = True
    house.store.release()
    await alice.settle()
    alice.other.clear()
    house.store.full = False
    await alice.resume()
    assert alice.closed is not None
    assert alice.closed.code in {Code.SESSION_ENDED, Code.SESSION_UNKNOWN}


async def test_watermarks_of_a_refused_batch_are_written_later(
    house: House, mock_clock: trio.testing.MockClock
) -> None:
    _, bob = await pair(house)
    house.store.full = True
    mock_clock.jump(6)
    await trio.testing.wait_all_tasks_blocked()
    assert house.core.statistics().watermarks > 0
    house.store.full = False
    mock_clock.jump(6)
    await trio.testing.wait_all_tasks_blocked()
    assert house.core.statistics().watermarks == 0
    (device,) = (d for d in await house.store.device_sessions(2) if d.name == "phone")
    assert device.acked == bob.cursor


async def test_upkeep_survives_a_full_disk_and_extends_sessions_later(
    house: House, mock_clock: trio.testing.MockClock
) -> None:
    alice, _ = await pair(house)
    house.clock.ms += 20 * 86_400_000
    alice.drop()
    await alice.resume()
    house.store.full = True
    mock_clock.jump(6)
    await trio.testing.wait_all_tasks_blocked()
    house.store.full = False
    mock_clock.jump(6)
    await trio.testing.wait_all_tasks_blocked()
    await house.restart()
    house.clock.ms += 20 * 86_400_000
    await alice.resume()
    assert alice.closed is None


class BreakingStore(SlowStore):
    """Breaks at the call named `at`."""

    at = ""

    async def _pass(self, name: str, *, writes: bool = False) -> None:
        await super()._pass(name, writes=writes)
        if name == self.at:
            raise StoreBroken("the disk said EIO")

    async def failed(self) -> NoReturn:
        await self._pass("failed")
        await super().failed()


async def test_a_store_that_breaks_while_nobody_asks_ends_the_core(
    mock_clock: trio.testing.MockClock,
) -> None:
    store = BreakingStore(epoch=77)
    store.hold("failed")
    with pytest.RaisesGroup(StoreBroken, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await pair(await House(store).open(nursery))
            store.at = "failed"
            store.release()


@pytest.mark.parametrize("at", ["append", "log_in", "devices", "log_range", "history", "share_conversation"])
async def test_a_broken_store_ends_the_core_and_nothing_is_acked_any_more(
    at: str, mock_clock: trio.testing.MockClock
) -> None:
    store = BreakingStore(epoch=77)
    house = House(store)
    links = []
    with pytest.RaisesGroup(StoreBroken, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await house.open(nursery)
            alice, bob = await pair(house)
            bob.drop()
            for _ in range(4):
                await alice.do(*(post("bob", "x") for _ in range(32)))
            bob_link = (await bob.resume()).drop() if at != "log_range" else None
            if at == "devices":
                await house.restart()
                alice.drop()
            store.at = at
            await provoke(at, alice, bob)
            links = [phone.link for phone in (alice, bob)] + [bob_link]
            await trio.sleep_forever()
    for link in links:
        if link is not None:
            assert not any(type(frame).__name__ == "Result" for frame in link.arrived)


async def provoke(at: str, alice: Phone, bob: Phone) -> None:
    match at:
        case "append":
            alice.send(post("bob", "never acked"))
        case "log_in":
            await alice.house.phone("carol").connect(settle=False)
        case "devices" | "log_range":
            await bob.resume(settle=False)
        case "history":
            alice.ask_later(queries.History(conversation="bob"))
        case "share_conversation":
            assert alice.link is not None
            alice.link.say(frames.Signal(kind=4, user="bob"))
