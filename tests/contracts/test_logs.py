"""What the `Store` promises about logs: heads, ranges, sums, trimming."""

from improtocol.entries import Kind
from improtocol.values import pack
from imserver.storage.store import LogHead, Store, log_bytes
from tests.contracts.house import AT_MS, House


async def filled(store: Store, count: int) -> tuple[House, int]:
    """Bob's log holds `count` entries of one byte text each, a second apart; the first is the creation."""
    house = await House.build(store)
    await house.room("alice", "bob")
    for number in range(1, count):
        await house.append(house.message("alice", "x", "bob", at_ms=AT_MS + 1000 * number))
    return house, house.users["bob"]


async def positions(store: Store, user: int, after: int, limit: int = 99, bytes_max: int = 9999) -> list[int]:
    return [row.position for row in await store.log_range(user, after, limit=limit, bytes_max=bytes_max)]


async def test_an_empty_log_has_head_0_and_oldest_1(store: Store) -> None:
    house = await House.build(store)
    bob = house.users["bob"]
    empty = LogHead(head=0, oldest=1, bytes_total=0)
    assert await store.log_heads([bob, 77]) == {bob: empty, 77: empty}
    assert await store.log_range(bob, 0, limit=9, bytes_max=9) == []


async def test_bytes_total_is_the_running_sum_of_log_bytes(store: Store) -> None:
    house, bob = await filled(store, 3)
    created = log_bytes(house.creation("alice", "bob").payload)
    message, mark = log_bytes(pack("x")), log_bytes(b"\xc0")
    total = created + 2 * message
    assert (await store.log_heads([bob]))[bob] == LogHead(head=3, oldest=1, bytes_total=total)
    await house.append(house.read("alice", 2, "bob"))
    assert (await store.log_heads([bob]))[bob] == LogHead(head=4, oldest=1, bytes_total=total + mark)


async def test_a_range_starts_after_the_cursor_and_stops_at_its_limits(store: Store) -> None:
    _, bob = await filled(store, 6)
    assert await positions(store, bob, 0) == [1, 2, 3, 4, 5, 6]
    assert await positions(store, bob, 4) == [5, 6]
    assert await positions(store, bob, 6) == []
    assert await positions(store, bob, 99) == []
    assert await positions(store, bob, 1, limit=2) == [2, 3]
    # Each payload has two bytes: five bytes hold two of them, one byte still gives one.
    assert await positions(store, bob, 1, bytes_max=5) == [2, 3]
    assert await positions(store, bob, 1, bytes_max=4) == [2, 3]
    assert await positions(store, bob, 1, bytes_max=1) == [2]
    (row,) = await store.log_range(bob, 1, limit=1, bytes_max=99)
    assert (row.entry.sender, row.entry.seq, row.entry.payload) == ("alice", 2, pack("x"))
    assert row.entry.at_ms == AT_MS + 1000


async def test_trimming_by_count_keeps_the_newest_and_the_head(store: Store) -> None:
    _, bob = await filled(store, 6)
    before = (await store.log_heads([bob]))[bob]
    assert await store.trim_logs(before_ms=0, positions_kept_max=4) == 2
    assert (await store.log_heads([bob]))[bob] == LogHead(head=6, oldest=3, bytes_total=before.bytes_total)
    assert await positions(store, bob, 0) == [3, 4, 5, 6]
    assert await store.trim_logs(before_ms=0, positions_kept_max=4) == 0


async def test_trimming_by_age_keeps_what_is_not_older(store: Store) -> None:
    _, bob = await filled(store, 6)
    assert await store.trim_logs(before_ms=AT_MS + 3000, positions_kept_max=99) == 3 + 1
    assert await positions(store, bob, 0) == [4, 5, 6]


async def test_trimming_stops_at_the_first_young_entry(store: Store) -> None:
    """Clocks jump: what is old by its stamp but behind a younger one stays, so that logs have no holes."""
    house, bob = await filled(store, 3)
    await house.append(house.message("alice", "clock set back", "bob", at_ms=5))
    await store.trim_logs(before_ms=AT_MS + 1500, positions_kept_max=99)
    assert await positions(store, bob, 0) == [3, 4]


async def test_a_young_read_mark_stops_trimming_too(store: Store) -> None:
    house, bob = await filled(store, 2)
    await house.append(house.write("alice", Kind.READ, value=2, at_ms=AT_MS + 9000, recipients=[bob]))
    await store.trim_logs(before_ms=AT_MS + 5000, positions_kept_max=9)
    assert await positions(store, bob, 0) == [3]


async def test_age_is_judged_after_the_count(store: Store) -> None:
    """The young entry goes by count, and with it the reason to keep the old one behind it."""
    house, bob = await filled(store, 3)
    await house.append(house.message("alice", "clock set back", "bob", at_ms=5))
    await house.append(house.message("alice", "clock set right", "bob", at_ms=AT_MS + 9000))
    await store.trim_logs(before_ms=AT_MS + 1500, positions_kept_max=2)
    assert await positions(store, bob, 0) == [5]


async def test_a_log_trimmed_to_nothing_keeps_its_head_and_goes_on_from_there(store: Store) -> None:
    house, bob = await filled(store, 3)
    total = (await store.log_heads([bob]))[bob].bytes_total
    # Alice's log, with the creation alone, goes as well.
    assert await store.trim_logs(before_ms=2 * AT_MS, positions_kept_max=99) == 4
    assert (await store.log_heads([bob]))[bob] == LogHead(head=3, oldest=4, bytes_total=total)
    (place,) = await house.append(house.message("alice", "next", "bob"))
    assert list(place.positions) == [4]
    assert (await store.log_heads([bob]))[bob] == LogHead(
        head=4, oldest=4, bytes_total=total + log_bytes(pack("next"))
    )
    record = await store.record(house.creation("alice").conversation, 2)
    assert record is not None, "records outlive their log entries"
    assert await store.trim_logs(before_ms=0, positions_kept_max=0) == 1
    assert (await store.log_heads([bob]))[bob].oldest == 5
