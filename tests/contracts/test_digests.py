"""What the `Store` promises about digests: sums of what a device is sent, unchanged by recalls."""

from improtocol.digest import DIGEST_MAX, entry_term, record_digest, sum_terms
from improtocol.entries import Kind
from improtocol.values import pack
from imserver.storage.store import Store
from tests.contracts.house import AT_MS, ROOM, House


async def chat(store: Store) -> tuple[House, int, int]:
    """Bob's log: CREATED by alice, a message of hers, one of his own, his own read mark, another of hers."""
    house = await House.build(store)
    await house.room("alice", "bob")
    await house.append(house.message("alice", "one", "alice", "bob"))
    await house.append(house.message("bob", "own", "alice", "bob"))
    await house.append(house.read("bob", 2, "alice", "bob"))
    await house.append(house.message("alice", "two", "alice", "bob"))
    return house, house.users["bob"], house.devices["bob"].id


async def sent(store: Store, user: int, device: int, after: int, to: int) -> int:
    """The sum by what a device of `user` would be sent of (after, to]."""
    rows = await store.log_range(user, after, limit=to - after, bytes_max=10**6)
    entries = [row.entry for row in rows if row.device != device or row.entry.kind == Kind.CREATED]
    return sum_terms(entries)


async def test_a_placed_record_tells_its_digest_and_the_log_keeps_it(store: Store) -> None:
    house = await House.build(store)
    await house.room("alice", "bob")
    (placed,) = await house.append(house.message("alice", "one", "bob"))
    digest = record_digest(Kind.MESSAGE, AT_MS, "alice", ROOM, pack("one"))
    assert placed.digest == digest
    assert (await store.log_range(house.users["bob"], 1, limit=1, bytes_max=99))[0].digest == digest


async def test_a_sum_is_that_of_what_the_device_is_sent(store: Store) -> None:
    """Without its own messages and read marks; with CREATED, also for its maker."""
    house, bob, phone = await chat(store)
    alice, tablet = house.users["alice"], house.devices["alice"].id
    ranges = [(bob, phone, after, to) for after in range(6) for to in range(after, 6)]
    ranges.append((alice, tablet, 0, 5))
    assert await store.log_sums(ranges) == [await sent(store, *one) for one in ranges]
    whole, own_too = await store.log_sums([(bob, phone, 0, 5), (bob, 99, 0, 5)])
    assert whole != own_too
    assert whole != 0


async def test_sums_of_neighbouring_ranges_add_up(store: Store) -> None:
    _, bob, phone = await chat(store)
    first, second, whole = await store.log_sums([(bob, phone, 0, 2), (bob, phone, 2, 5), (bob, phone, 0, 5)])
    assert (first + second) & DIGEST_MAX == whole


async def test_a_recall_changes_no_sum_and_late_readers_get_the_same_term(store: Store) -> None:
    house, bob, phone = await chat(store)
    await house.append(house.change("alice", Kind.EDITED, 2, pack([2, "better"]), "alice", "bob"))
    before = await store.log_sums([(bob, phone, 0, 6)])
    terms = [entry_term(row.entry) for row in await store.log_range(bob, 0, limit=6, bytes_max=999)]
    await house.append(house.change("alice", Kind.RECALLED, 2, pack([2]), "alice", "bob"))
    assert await store.log_sums([(bob, phone, 0, 6)]) == before
    rows = await store.log_range(bob, 0, limit=6, bytes_max=999)
    assert [entry_term(row.entry) for row in rows] == terms
    assert all(b"one" not in row.entry.payload and b"better" not in row.entry.payload for row in rows)


async def test_what_was_trimmed_counts_as_nothing(store: Store) -> None:
    _, bob, phone = await chat(store)
    whole = await store.log_sums([(bob, phone, 4, 5)])
    await store.trim_logs(before_ms=0, positions_kept_max=1)
    assert await store.log_sums([(bob, phone, 0, 5), (bob, phone, 9, 12), (77, phone, 0, 5)]) == [
        *whole,
        0,
        0,
    ]
