"""What the `Store` promises about ending a user's sessions and about bans."""

from dataclasses import replace
from pathlib import Path

from imserver.storage.sqlite import open_sqlite
from imserver.storage.store import Store
from tests.contracts.house import AT_MS, House, login


async def test_all_sessions_of_one_user_end_and_the_command_streams_stay(store: Store) -> None:
    house = await House.build(store)
    alice, bob = house.devices["alice"], house.devices["bob"]
    tablet = await login(
        store,
        app=house.app,
        user="alice",
        device="tablet",
        session=78,
        secret_hash=b"t",
        now_ms=AT_MS,
        expires_ms=AT_MS,
    )
    await house.append(house.creation("alice", "bob"), house.message("alice", "x", "bob"))
    other = await store.put_app("other", now_ms=1, media_bytes_max=1)
    namesake = await login(
        store,
        app=other.id,
        user="alice",
        device="phone",
        session=79,
        secret_hash=b"o",
        now_ms=1,
        expires_ms=1,
    )
    assert await store.end_sessions(house.app, "alice") == [alice.id, tablet.id]
    assert sorted(await store.devices([1001, 1002, 78, 79])) == [79, 1002], "of this user, of this app"
    phone, _ = await store.device_sessions(alice.user)
    assert phone == replace(alice, session=0, secret_hash=b"", expires_ms=0, accepted=1)
    assert await store.end_sessions(house.app, "alice") == []
    assert await store.end_sessions(house.app, "nobody") == []
    assert (await store.device_sessions(bob.user), await store.device_sessions(namesake.user)) == (
        [bob],
        [namesake],
    )
    again = await login(
        store,
        app=house.app,
        user="alice",
        device="phone",
        session=80,
        secret_hash=b"n",
        now_ms=AT_MS,
        expires_ms=AT_MS,
    )
    assert (again.id, again.accepted, len(again.outcomes)) == (alice.id, 1, 1)


async def test_a_ban_is_noted_and_lifted_by_app_and_name(store: Store) -> None:
    house = await House.build(store)
    assert await store.banned_users() == set()
    for _ in range(2):
        await store.set_banned(house.app, "alice", banned=True)
    await store.set_banned(2, "stranger", banned=True)
    assert await store.banned_users() == {(house.app, "alice"), (2, "stranger")}
    assert await store.user_ids(2, ["stranger"]), "who never came is made"
    for _ in range(2):
        await store.set_banned(house.app, "alice", banned=False)
    await store.set_banned(house.app, "nobody", banned=False)
    assert await store.banned_users() == {(2, "stranger")}
    assert await store.user_ids(house.app, ["nobody"]) == {}


async def test_ends_and_bans_survive_the_process(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "data", inline=True) as store:
        house = await House.build(store)
        await store.end_sessions(house.app, "alice")
        await store.set_banned(house.app, "bob", banned=True)
    async with open_sqlite(tmp_path / "data", inline=True) as store:
        assert sorted(await store.devices([1001, 1002])) == [1002]
        assert await store.banned_users() == {(house.app, "bob")}
