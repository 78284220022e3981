"""Stolen, expired, ended and replayed: a resume secret is worth exactly one living session."""

import pytest
import trio.testing

from improtocol import Code, Connection, RemoteProtocolError, Side, frames, queries
from improtocol import commands as c
from imserver.core.limits import DAY_MS
from tests.core.house import House, Phone, post
from tests.security.lines import Line, Tapped
from tests.security.requests import COMMANDS, GROUP, QUERIES, Target


@pytest.fixture
async def owner(house: House) -> Phone:
    owner = await house.phone("owner").connect()
    await house.group(owner, "bob", id=GROUP)
    await owner.one(post(GROUP, "the secret"))
    return owner


async def stolen(house: House) -> Line:
    """Bob's session, as a thief has copied it from his phone's memory."""
    line = await Line(house, "bob").connect()
    line.link.lose()
    return line


async def attempt(thief: Line) -> tuple[int | None, int]:
    """Resume with what was stolen, ask for everything behind it: the CLOSE, and how much else was heard."""
    thief.link = Tapped(thief.house)
    target = Target(GROUP)
    asked = [make(target) for make in QUERIES.values()]
    flight: list[frames.Frame] = [
        frames.Query(id=n, op=question.OP, arguments=question.arguments()) for n, question in enumerate(asked)
    ]
    flight.append(frames.Command(counter=thief.counter + 1, action=COMMANDS["post"](target)))
    await thief.exchange(thief.resume_frame(cursor=0), *flight)
    return thief.close_code, len(thief.link.arrived) - 1


async def entries_of(owner: Phone) -> int:
    return len((await owner.history(GROUP)).entries)


@pytest.mark.parametrize("restarted", [False, True])
async def test_secret_stolen_before_a_logout_opens_nothing_after_it(
    house: House, owner: Phone, restarted: bool
) -> None:
    thief = await stolen(house)
    bob = Line(house, "bob")
    bob.connected, bob.counter = thief.connected, thief.counter
    await bob.exchange(bob.resume_frame())
    await bob.do(c.Logout())
    if restarted:
        await house.restart()
        await owner.connect()
    code, heard = await attempt(thief)
    assert code in {Code.SESSION_ENDED, Code.SESSION_UNKNOWN}
    assert heard == 0
    assert await entries_of(owner) == 2


@pytest.mark.parametrize("restarted", [False, True])
async def test_secret_stolen_before_a_new_login_opens_nothing_after_it(
    house: House, owner: Phone, restarted: bool
) -> None:
    thief = await stolen(house)
    bob = await Line(house, "bob").connect()
    if restarted:
        await house.restart()
        await owner.connect()
    assert await attempt(thief) == (Code.SESSION_UNKNOWN, 0)
    if not restarted:
        assert not bob.link.closing, "the thief's attempt disturbs nobody"
    assert await entries_of(owner) == 2


@pytest.mark.parametrize("restarted", [False, True])
async def test_expired_session_opens_nothing(house: House, owner: Phone, restarted: bool) -> None:
    thief = await stolen(house)
    house.clock.ms += 31 * DAY_MS
    if restarted:
        await house.restart()
        await owner.connect()
    assert await attempt(thief) == (Code.SESSION_EXPIRED, 0)
    assert await entries_of(owner) == 2


async def test_wrong_secret_is_answered_byte_for_byte_like_an_unknown_session(
    house: House, owner: Phone
) -> None:
    """In memory, in the store only, expired, ended, never there: no guesser learns which ids are used."""
    thief = await stolen(house)
    ended = await Line(house, "bob", "tablet").connect()
    await ended.do(c.Logout())
    assert thief.connected is not None
    assert ended.connected is not None
    answers = set()
    for restarted in (False, True):
        if restarted:
            await house.restart()
        for session in (thief.connected.session, ended.connected.session, 12_345):
            for days in (0, 31):
                house.clock.ms += days * DAY_MS
                line = Line(house, "mallory")
                line.connected = thief.connected
                answers.add(await line.exchange(line.resume_frame(session=session, secret=b"?" * 16)))
                house.clock.ms -= days * DAY_MS
    assert len(answers) == 1


async def test_every_bit_of_a_secret_counts(house: House, owner: Phone) -> None:
    thief = await stolen(house)
    assert thief.connected is not None
    secret = thief.connected.secret
    for bit in range(128):
        line = Line(house, "mallory")
        line.connected = thief.connected
        wrong = (int.from_bytes(secret, "big") ^ (1 << bit)).to_bytes(16, "big")
        await line.exchange(line.resume_frame(secret=wrong))
        assert line.close_code == Code.SESSION_UNKNOWN


async def test_what_is_pipelined_behind_a_logout_is_not_carried_out(house: House, owner: Phone) -> None:
    bob = await Line(house, "bob").connect()
    target = Target(GROUP)
    first = bob.counter + 1
    history = queries.History(conversation=GROUP)
    await bob.exchange(
        frames.Command(counter=first, action=c.Logout()),
        frames.Command(counter=first + 1, action=COMMANDS["post"](target)),
        frames.Query(id=1, op=history.OP, arguments=history.arguments()),
    )
    assert bob.close_code == Code.SESSION_ENDED
    assert await entries_of(owner) == 2
    replies = bob.heard(frames.Reply)
    assert all(isinstance(reply, frames.Reply) and reply.code for reply in replies)


@pytest.mark.parametrize("name", [*COMMANDS, *QUERIES])
async def test_every_request_over_the_connection_of_an_ended_session_is_dropped(
    house: House, owner: Phone, name: str
) -> None:
    """The session was ended from its other end (a re-login); the old socket is still open and talks."""
    old = await Line(house, "bob").connect()
    await Line(house, "bob").connect()
    assert old.close_code == Code.REPLACED
    session = old.link.session
    assert session is None
    written = len(old.link.written)
    if name in COMMANDS:
        said: frames.Frame = frames.Command(counter=old.counter + 1, action=COMMANDS[name](Target(GROUP)))
    else:
        question = QUERIES[name](Target(GROUP))
        said = frames.Query(id=1, op=question.OP, arguments=question.arguments())
    for living in (s for s in house.core._registry._by_id.values() if s.user.name == "bob"):
        # Were a gateway to hand it in all the same, with the session it once knew.
        house.core.receive(living, old.link, said)
    await trio.testing.wait_all_tasks_blocked()
    house.core.links.flush()
    assert len(old.link.written) == written
    assert await entries_of(owner) == 2


async def test_recorded_flight_played_again_stores_nothing_twice(house: House, owner: Phone) -> None:
    """Who could replay (without TLS) gets to resume, as the secret is in it, but not to repeat."""
    bob = await stolen(house)
    recorded = (
        bob.resume_frame(),
        *(frames.Command(counter=bob.counter + n, action=post(GROUP, f"paid {n}")) for n in (1, 2, 3)),
    )
    first, again = Tapped(house), Tapped(house)
    for link in (first, again):
        bob.link = link
        await bob.exchange(*recorded)
    assert await entries_of(owner) == 5
    results = [
        [(r.counter, r.value) for r in link.arrived if isinstance(r, frames.Result)]
        for link in (first, again)
    ]
    assert results[0] == results[1] == [(1, 3), (2, 4), (3, 5)]


async def test_replayed_handshake_inside_of_a_session_ends_the_connection(house: House, owner: Phone) -> None:
    for replay in ("connect", "resume"):
        bob = await Line(house, "bob").connect()
        frame: frames.Frame = frames.Connect(token=house.token("bob"), device="phone")
        if replay == "resume":
            frame = bob.resume_frame()
        bob.link.server.receive_data(Connection(Side.CLIENT).send(frame))
        with pytest.raises(RemoteProtocolError, match="not allowed in state OPEN"):
            bob.link.read_on()


async def test_one_counter_with_another_payload_is_a_conflict_and_changes_nothing(
    house: House, owner: Phone
) -> None:
    bob = await Line(house, "bob").connect()
    await bob.exchange(frames.Command(counter=1, action=post(GROUP, "100")))
    await bob.exchange(frames.Command(counter=1, action=post(GROUP, "999")))
    assert bob.heard(frames.Result)[-1].code == Code.CONFLICT  # type: ignore[union-attr]
    assert await entries_of(owner) == 3


async def test_acknowledging_and_seeking_what_was_never_sent_ends_the_connection(
    house: House, owner: Phone
) -> None:
    for lie in (frames.Ack(count=2**40), frames.Seek(position=2**40)):
        bob = await Line(house, "bob").connect()
        with pytest.raises(RemoteProtocolError):
            bob.link.say(lie)
