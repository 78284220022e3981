"""What the `Store` promises about apps, keys, users, devices, sessions, media, and its own life."""

from dataclasses import replace

import pytest
import trio

from improtocol.entries import Kind, Role
from improtocol.values import pack
from imserver.storage.blobs import Blob, StoreCatalog
from imserver.storage.store import NO_ENTRY, App, AppKey, MemberChange, Store
from tests.contracts.house import AT_MS, ROOM, House, login

SHOE, LAMP, CUP = (bytes([number]) * 32 for number in (1, 2, 3))


async def test_apps_have_their_own_names(store: Store) -> None:
    shop = await store.put_app("shop", now_ms=5, media_bytes_max=10)
    other = await store.put_app("other", now_ms=6, media_bytes_max=20)
    assert shop == App(id=1, name="shop", created_ms=5, media_bytes_max=10)
    with pytest.raises(ValueError, match="shop"):
        await store.put_app("shop", now_ms=7, media_bytes_max=30)
    assert await store.apps() == [shop, other]


async def test_a_key_is_added_or_replaced(store: Store) -> None:
    first = AppKey(app=1, kid="a", algorithm="HS256", key=b"one", created_ms=1)
    second = AppKey(app=1, kid="b", algorithm="EdDSA", key=b"two", created_ms=2)
    await store.put_key(second)
    await store.put_key(first)
    assert await store.keys() == [first, second]
    revoked = replace(first, revoked_ms=9)
    await store.put_key(revoked)
    assert await store.keys() == [revoked, second]


async def test_users_are_made_once_per_app(store: Store) -> None:
    ids = await store.ensure_users(1, ["alice", "bob", "alice"])
    assert sorted(ids.values()) == [1, 2]
    assert await store.ensure_users(1, ["bob", "carol"]) == {"bob": ids["bob"], "carol": 3}
    assert await store.user_ids(1, ["carol", "dave", "alice"]) == {"carol": 3, "alice": ids["alice"]}
    assert await store.user_ids(2, ["alice"]) == {}
    assert (await store.ensure_users(2, ["alice"]))["alice"] == 4


async def test_a_login_makes_user_and_device_and_a_second_one_takes_the_session_over(store: Store) -> None:
    house = await House.build(store)
    await house.append(house.creation("alice", "bob"), house.message("alice", "x", "bob"))
    before = (await store.devices([1001]))[1001]
    assert (before.user_name, before.name, before.expires_ms) == ("alice", "phone", AT_MS + 1000)
    assert before.secret_hash == b"hash of alice"
    again = await login(
        store,
        app=house.app,
        user="alice",
        device="phone",
        session=77,
        secret_hash=b"new",
        now_ms=AT_MS + 5,
        expires_ms=AT_MS + 9,
    )
    assert again == replace(before, session=77, secret_hash=b"new", expires_ms=AT_MS + 9)
    assert (again.accepted, len(again.outcomes)) == (1, 1)
    assert await store.devices([1001, 77, 0]) == {77: again}
    assert await store.last_seen_ms([again.user]) == {again.user: AT_MS + 5}


async def test_a_users_devices_are_told_apart(store: Store) -> None:
    house = await House.build(store)
    tablet = await login(
        store,
        app=house.app,
        user="alice",
        device="tablet",
        session=78,
        secret_hash=b"t",
        now_ms=AT_MS - 5,
        expires_ms=AT_MS,
    )
    phone = house.devices["alice"]
    assert tablet.id != phone.id
    assert await store.device_sessions(house.users["alice"]) == [phone, tablet]
    assert await store.device_sessions(99) == []
    assert await store.last_seen_ms([phone.user]) == {phone.user: AT_MS}


async def test_sessions_are_extended_but_not_revived(store: Store) -> None:
    house = await House.build(store)
    alice, bob = house.devices["alice"].id, house.devices["bob"].id
    await house.append(house.write("bob", -1, conversation=0, end_session=True))
    await store.extend_sessions({alice: AT_MS + 9999, bob: AT_MS + 9999, 99: 1})
    assert (await store.devices([1001]))[1001].expires_ms == AT_MS + 9999
    assert [device.expires_ms for device in await store.device_sessions(house.users["bob"])] == [0]


async def test_an_app_has_each_blob_once_and_the_first_entry_wins(store: Store) -> None:
    shoe = Blob(
        sha256=SHOE, size_bytes=100, mime="image/jpeg", width=4, height=3, thumbnail=LAMP, created_ms=7
    )
    await store.put_blob(1, shoe)
    await store.put_blob(1, replace(shoe, mime="image/png"))
    await store.put_blob(1, Blob(sha256=LAMP, size_bytes=10, mime="audio/ogg", duration_ms=5))
    await store.put_blob(2, replace(shoe, size_bytes=3))
    assert await store.blob(1, SHOE) == shoe
    assert await store.blob(1, LAMP) == Blob(sha256=LAMP, size_bytes=10, mime="audio/ogg", duration_ms=5)
    assert await store.blob(1, CUP) is None
    assert [await store.app_bytes(app) for app in (1, 2, 3)] == [110, 3, 0]


async def test_the_catalog_gives_back_what_it_was_given(store: Store) -> None:
    catalog = StoreCatalog(store, Blob)
    blob = Blob(sha256=SHOE, size_bytes=9, mime="image/png", width=1, height=2, duration_ms=3, thumbnail=LAMP)
    await catalog.put_blob(1, blob)
    assert await catalog.get_blob(1, SHOE) == blob
    assert await catalog.get_blob(2, SHOE) is None
    assert await catalog.app_bytes(1) == 9


async def test_media_are_visible_to_their_uploader_and_to_who_sees_a_record_of_them(
    store: Store,
) -> None:
    house = await House.build(store, "alice", "bob", "carol")
    alice, bob, carol = house.ids(["alice", "bob", "carol"])
    await store.note_upload(alice, [SHOE, LAMP])
    await store.note_upload(alice, [SHOE])
    every = [SHOE, LAMP, CUP]
    assert await store.visible_media(alice, every) == {SHOE, LAMP}
    assert await store.visible_media(bob, every) == set()
    await house.append(
        house.creation("alice", "bob"), house.message("alice", "look", "bob", media=[SHOE, LAMP, SHOE])
    )
    assert await store.visible_media(bob, every) == {SHOE, LAMP}
    assert [await store.record_shows(ROOM, 2, media) for media in every] == [True, True, False]
    assert not await store.record_shows(ROOM, 1, SHOE)
    joins = house.write("alice", Kind.JOINED, members=[MemberChange(user=carol, role=Role.MEMBER)])
    leaves = house.write("bob", Kind.LEFT, members=[MemberChange(user=bob, role=None)])
    await house.append(joins, leaves)
    assert await store.visible_media(carol, every) == set(), "shown before she joined"
    assert await store.visible_media(bob, every) == set(), "no member any more"


async def test_what_a_recalled_record_showed_is_shown_no_more(store: Store) -> None:
    house = await House.build(store)
    bob = house.users["bob"]
    await house.append(
        house.creation("alice", "bob"),
        house.message("alice", "look", "bob", media=[SHOE]),
        house.change("alice", Kind.EDITED, 2, pack([2, "this"]), "bob", media=[LAMP]),
        house.message("alice", "again", "bob", media=[CUP]),
        house.change("alice", Kind.RECALLED, 2, pack([2]), "bob"),
        house.change("alice", Kind.EDITED, 2, pack([2, "that"]), "bob", media=[SHOE]),
    )
    assert await store.visible_media(bob, [SHOE, LAMP, CUP]) == {CUP}
    asked = ((2, SHOE), (3, LAMP), (6, SHOE))
    shown = [await store.record_shows(ROOM, seq, media) for seq, media in asked]
    assert shown == [False, False, False]


async def test_the_epoch_has_32_bits(store: Store) -> None:
    assert 1 <= store.epoch < 2**32


async def test_a_store_is_closed_twice_and_then_refuses(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(trio.ClosedResourceError):
        await store.apps()


async def test_a_cancelled_append_happened_whole_or_not_at_all(store: Store) -> None:
    """Cancelled at any moment, the batch of two is there or not, and a later append goes on from there."""
    house = await House.build(store)
    await house.room("alice", "bob")
    head = 1
    for yields in range(4):
        writes = [house.message("alice", "x", "bob"), house.message("alice", "y", "bob")]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.append, writes)
            for _ in range(yields):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        conversation = await store.conversation(ROOM)
        assert conversation is not None
        assert conversation.head in (head, head + 2)
        if conversation.head == head:
            house.counters[house.devices["alice"].id] -= 2
        head = conversation.head
    assert head > 1, "the last one was not cancelled before it began"
    (place,) = await house.append(house.message("alice", "z", "bob"))
    assert place.seq == head + 1


async def test_a_session_ends_with_its_write_and_the_command_stream_stays(store: Store) -> None:
    house = await House.build(store)
    await house.append(house.write("alice", NO_ENTRY, conversation=0, end_session=True))
    assert await store.devices([1001]) == {}
    (device,) = await store.device_sessions(house.users["alice"])
    assert (device.session, device.secret_hash, device.expires_ms, device.accepted) == (0, b"", 0, 1)
