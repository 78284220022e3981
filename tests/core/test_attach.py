"""CONNECT and RESUME: who gets a session, where its streams go on, what an older connection may still do."""

import trio
import trio.testing

from improtocol import Code, frames
from imserver.core import CoreLimits
from tests.core.house import House, pair, post


async def test_silent_drop_the_new_connection_works_at_once_and_the_old_one_can_do_nothing(
    house: House,
) -> None:
    alice, bob = await pair(house)
    half_open = bob.vanish()
    await alice.one(post("bob", "on the way to nowhere"))
    await bob.resume()
    assert bob.texts == ["first", "on the way to nowhere"]
    closes = [frame for frame in half_open.arrived if isinstance(frame, frames.Close)]
    assert [close.code for close in closes] == [Code.REPLACED]
    session = bob.link.session  # type: ignore[arg-type]
    assert session is not None
    stale = frames.Command(counter=1, action=post("alice", "from the old connection"))
    house.core.receive(session, half_open, stale)
    house.core.lost(half_open)
    assert (await bob.one(post("alice", "from the new one"))).value == 4
    await alice.one(post("bob", "still there?"))
    await bob.settle()
    await alice.settle()
    assert bob.texts[-1] == "still there?"
    assert alice.texts == ["from the new one"]


async def test_server_restarted_with_1000_sessions_attached_all_resume_without_logging_in(
    nursery: trio.Nursery,
) -> None:
    house = await House(limits=CoreLimits(connects_burst=2000)).open(nursery)
    hub = await house.phone("hub").connect()
    phones = [await house.phone(f"user{n}").connect(settle=False) for n in range(1000)]
    for phone in phones:
        await phone.settle()
    for phone in phones[::10]:
        await hub.one(post(phone.user, "before"))
    for phone in phones:
        await phone.settle()
    await house.restart()
    await hub.resume()
    for phone in phones:
        await phone.resume(settle=False)
    for phone in phones:
        await phone.settle()
    assert all(phone.closed is None and phone.resumed is not None for phone in phones)
    statistics = house.core.statistics()
    assert (statistics.resumed, statistics.connected) == (1001, 0)
    assert house.store.reads < 20, "they are looked up together"
    await hub.one(post("user999", "after"))
    await phones[999].settle()
    assert phones[999].texts == ["after"]


async def test_a_wrong_secret_and_an_unknown_session_get_the_same_answer(house: House) -> None:
    alice, _ = await pair(house)
    alice.drop()
    secret, alice.secret = alice.secret, b"x" * 16
    await alice.resume()
    wrong = alice.closed
    alice.other.clear()
    alice.secret, session = secret, alice.session
    alice.session = 12345
    await alice.resume()
    assert wrong == alice.closed
    assert wrong is not None
    assert wrong.code == Code.SESSION_UNKNOWN
    alice.session = session
    alice.other.clear()
    await alice.resume()
    assert alice.closed is None


async def test_a_session_expires_after_its_days_unless_it_is_used(house: House) -> None:
    alice, bob = await pair(house)
    day_ms = 86_400_000
    bob.drop()
    for _ in range(3):
        house.clock.ms += 20 * day_ms
        alice.drop()
        await alice.resume()
        assert alice.closed is None
    await bob.resume()
    assert bob.closed is not None
    assert bob.closed.code == Code.SESSION_EXPIRED


async def test_the_extended_expiry_survives_a_restart(
    house: House, mock_clock: trio.testing.MockClock
) -> None:
    alice, _ = await pair(house)
    house.clock.ms += 20 * 86_400_000
    alice.drop()
    await alice.resume()
    mock_clock.jump(6)
    await trio.testing.wait_all_tasks_blocked()
    await house.restart()
    house.clock.ms += 20 * 86_400_000
    await alice.resume()
    assert alice.closed is None


async def test_tokens_decide_who_may_connect(house: House) -> None:
    for token, code in (
        ("nonsense", Code.TOKEN_INVALID),
        (house.token("alice")[:-4] + "AAAA", Code.TOKEN_INVALID),
        (house.token("alice", lifetime_s=-100), Code.TOKEN_EXPIRED),
    ):
        phone = await house.phone("alice").connect(token)
        assert phone.closed is not None
        assert phone.closed.code == code


async def test_a_login_of_a_connected_device_replaces_its_older_connection(house: House) -> None:
    alice, bob = await pair(house)
    older = alice.vanish()
    await alice.connect()
    assert [f.code for f in older.arrived if isinstance(f, frames.Close)] == [Code.REPLACED]
    assert alice.connected is not None
    await bob.one(post("alice", "to the newer one"))
    await alice.settle()
    assert alice.texts == ["to the newer one"]
    assert house.core.statistics().attached == 2


async def test_a_connection_that_died_while_it_waited_does_not_take_the_session_from_a_living_one(
    house: House,
) -> None:
    alice, bob = await pair(house)
    await house.restart()
    house.store.hold("devices")
    await bob.resume(settle=False)
    await house.store.held.wait()
    dead = bob.vanish()
    await bob.resume(settle=False)
    dead_too = bob.vanish()
    dead_too.lose()
    await bob.resume(settle=False)
    dead.lose()
    house.store.release()
    await bob.settle()
    assert bob.closed is None
    await alice.resume()
    await alice.one(post("bob", "hello"))
    await bob.settle()
    assert bob.texts == ["first", "hello"]
    assert house.core.statistics().attached == 2


async def test_a_login_whose_connection_died_meanwhile_leaves_nobody_attached(house: House) -> None:
    house.store.hold("log_in")
    alice = house.phone("alice")
    await alice.connect(settle=False)
    await house.store.held.wait()
    alice.drop()
    house.store.release()
    await trio.testing.wait_all_tasks_blocked()
    assert house.core.statistics().attached == 0
    await alice.connect()
    assert (await alice.one(post("bob", "x"))).code == 0


async def test_a_login_whose_connection_died_in_the_queue_does_not_replace_the_living_session(
    house: House,
) -> None:
    alice, _ = await pair(house)
    house.store.hold("log_in")
    await house.phone("carol").connect(settle=False)
    await house.store.held.wait()
    impatient = await house.phone("alice").connect(settle=False)
    impatient.drop()
    house.store.release()
    await alice.settle()
    assert alice.closed is None
    assert (await alice.one(post("bob", "still mine"))).code == 0


async def test_logins_that_come_together_are_stored_in_one_transaction_each_with_its_session(
    house: House,
) -> None:
    house.store.hold("log_in")
    first = await house.phone("first").connect(settle=False)
    await house.store.held.wait()
    others = [await house.phone(f"user{n % 4}", f"phone{n % 5}").connect(settle=False) for n in range(21)]
    gate, before = house.store.go, house.store.logins
    house.store.hold("nothing more")
    gate.set()
    for phone in (first, *others):
        await phone.settle()
    assert house.store.logins - before == 2, "of one device only one at a time"
    told = {phone.connected.session for phone in others if phone.connected is not None}
    assert len(told) == 21
    devices = {(f"user{n % 4}", f"phone{n % 5}") for n in range(21)}
    assert house.core.statistics().attached == 1 + len(devices) == 21
    last = others[20]
    assert (await last.one(post("first", "hello"))).code == 0


async def test_resumes_are_looked_up_ahead_of_the_logins_that_wait(nursery: trio.Nursery) -> None:
    house = await House(limits=CoreLimits(logins_per_commit_max=1)).open(nursery)
    alice, _ = await pair(house)
    await house.restart()
    house.store.hold("log_in")
    newcomers = [await house.phone(f"new{n}").connect(settle=False) for n in range(5)]
    await house.store.held.wait()
    await alice.resume(settle=False)
    gate = house.store.go
    house.store.hold("log_in")
    gate.set()
    await house.store.held.wait()
    await trio.testing.wait_all_tasks_blocked()
    assert any(isinstance(frame, frames.Resumed) for frame in alice.link.arrived)  # type: ignore[union-attr]
    house.store.release()
    for phone in newcomers:
        await phone.settle()
        assert phone.connected is not None


async def test_too_many_at_once_are_sent_away_each_with_a_retry_time(
    mock_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    house = await House(limits=CoreLimits(connects_per_s=0.0001, connects_burst=2)).open(nursery)
    phones = [await house.phone(f"user{n}").connect() for n in range(5)]
    refused = [phone.closed for phone in phones if phone.closed is not None]
    assert len(refused) == 3
    assert {close.code for close in refused} == {Code.OVERLOADED}
    assert all(close.retry_after_ms > 0 for close in refused)


async def test_memory_forgets_idle_sessions_and_users_above_the_bound_but_never_attached_ones(
    mock_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    house = await House(limits=CoreLimits(users_cached_max=8)).open(nursery)
    staying = [await house.phone(f"here{n}").connect() for n in range(20)]
    for n in range(5):
        (await house.phone(f"gone{n}").connect()).drop()
    assert house.core.statistics().sessions == 25, "those with a connection do not use the others' room up"
    for n in range(5, 40):
        (await house.phone(f"gone{n}").connect()).drop()
    statistics = house.core.statistics()
    assert statistics.attached == 20
    assert statistics.sessions <= 20 + 8 + 8 // 4 + 1
    assert statistics.users <= statistics.sessions
    for phone in staying:
        assert (await phone.one(post("here0" if phone.user != "here0" else "here1", "x"))).code == 0


async def test_behind_tells_how_much_was_missed(house: House) -> None:
    alice, bob = await pair(house)
    bob.drop()
    await alice.do(*(post("bob", "x" * 100) for _ in range(5)))
    await bob.resume()
    assert bob.resumed is not None
    assert bob.resumed.behind_events == 5
    assert 500 <= bob.resumed.behind_bytes <= 600
    bob.drop()
    await bob.resume()
    assert (bob.resumed.behind_events, bob.resumed.behind_bytes) == (0, 0)
    bob.drop()
    await alice.do(*(post("bob", "x" * 100) for _ in range(25)))
    await house.restart()
    await bob.resume()
    assert bob.resumed.behind_events == 25
    assert 25 * 80 <= bob.resumed.behind_bytes <= 25 * 140, "estimated from the log's average"
