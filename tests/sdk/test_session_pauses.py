"""The session after a refusal that may pass: how long it pauses and how much it tries then."""

import pytest

from improtocol import Code, limits
from improtocol.frames import Result, Resumed
from imsdk.session import PAUSE_S_MAX, PAUSE_S_MIN, Session, Verdict
from imsdk.store.rows import Identity


def resumed() -> Session:
    """A session whose next command is 8."""
    session = Session(
        Identity(device="phone", user="alice", session=5, secret=b"s" * 16, epoch=3, cursor=40, acked=7)
    )
    session.open("", 0)
    session.attach(Resumed(accepted=7, head=40))
    return session


def send_all(session: Session, now: float) -> list[int]:
    """Put whatever may be sent on the wire, from an outbox that never ends."""
    after, limit = session.sendable(now)
    counters = list(range(after + 1, after + 1 + limit))
    for counter in counters:
        session.sent(counter)
    return counters


def settle(session: Session, result: Result, now: float) -> None:
    """A result that uses its counter up, and is committed."""
    assert session.judge(result, now) is Verdict.SETTLED
    session.settled()


def refuse(session: Session, counters: list[int], now: float, retry_after_ms: int = 0) -> None:
    """What a server whose disk is full answers to commands that came together: each is refused."""
    for counter in counters:
        refusal = Result(counter=counter, code=Code.DISK_FULL, retry_after_ms=retry_after_ms)
        assert session.judge(refusal, now) is Verdict.PAUSED


def pauses_of(session: Session, now: float, count: int, retry_after_ms: int = 0) -> list[float]:
    """The lengths of `count` pauses in a row, each after all that was sent was refused."""
    pauses: list[float] = []
    for _ in range(count):
        refuse(session, send_all(session, now), now, retry_after_ms)
        assert session.wake_at is not None
        pauses.append(session.wake_at - now)
        now = session.wake_at
    return pauses


def test_until_a_result_is_settled_one_command_at_a_time_finds_out_whether_the_refusal_has_passed() -> None:
    session = resumed()
    now = 0.0
    assert len(send_all(session, now)) == limits.COMMANDS_IN_FLIGHT_MAX
    refuse(session, list(range(8, 40)), now)
    for _ in range(10):
        assert session.wake_at is not None
        now = session.wake_at
        assert send_all(session, now) == [8]
        assert send_all(session, now + 1000) == [], "none beside it, however long its answer takes"
        refuse(session, [8], now)
    assert session.wake_at is not None
    now = session.wake_at
    assert send_all(session, now) == [8]
    settle(session, Result(counter=8, value=1), now)
    assert len(send_all(session, now)) == limits.COMMANDS_IN_FLIGHT_MAX


def test_pauses_double_up_to_five_seconds_and_a_settled_result_makes_them_short_again() -> None:
    session = resumed()
    growth = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert pauses_of(session, 0.0, 8) == pytest.approx(growth)
    assert session.wake_at is not None
    now = session.wake_at
    assert send_all(session, now) == [8]
    settle(session, Result(counter=8, value=1), now)
    assert pauses_of(session, now, 8) == pytest.approx(growth)


def test_a_pause_is_never_shorter_than_the_server_asks_for() -> None:
    assert pauses_of(resumed(), 0.0, 6, 1000) == pytest.approx([1.0, 1.0, 1.0, 1.0, 1.6, 3.2])
    assert pauses_of(resumed(), 0.0, 8, 60_000) == [60.0] * 8


def test_a_refusal_for_good_is_a_sign_of_life_as_well() -> None:
    """The server has decided and stored it, so it takes commands again."""
    session = resumed()
    pauses_of(session, 0.0, 5)
    assert send_all(session, 100.0) == [8]
    settle(session, Result(counter=8, code=Code.FORBIDDEN), 100.0)
    assert len(send_all(session, 100.0)) == limits.COMMANDS_IN_FLIGHT_MAX
    refuse(session, list(range(9, 41)), 100.0)
    assert session.wake_at == pytest.approx(100.0 + PAUSE_S_MIN)


def test_the_rest_of_a_refused_flight_makes_the_pause_no_longer() -> None:
    """It is no further refusal, whether the server calls it out of turn or refuses it as well."""
    session = resumed()
    flight = send_all(session, 0.0)
    refuse(session, flight[:16], 0.0)
    for counter in flight[16:]:
        assert session.judge(Result(counter=counter, code=Code.OUT_OF_TURN), 3.0) is Verdict.STALE
    assert session.wake_at == PAUSE_S_MIN
    assert send_all(session, 3.0) == [8]
    refuse(session, [8], 3.0)
    assert session.wake_at == pytest.approx(3.0 + 2 * PAUSE_S_MIN)


def test_a_refusal_after_what_was_settled_in_the_same_flight_counts_anew() -> None:
    """What the server said last is what is known of it."""
    session = resumed()
    assert send_all(session, 0.0)[:4] == [8, 9, 10, 11]
    refuse(session, [10], 0.0)
    settle(session, Result(counter=8, value=1), 0.1)
    refuse(session, [11], 0.2)
    for counter in (9, *range(12, 40)):
        session.judge(Result(counter=counter, code=Code.OUT_OF_TURN), 0.2)
    assert session.wake_at == pytest.approx(0.2 + PAUSE_S_MIN)
    assert send_all(session, 1.0) == [9]


def test_the_writer_has_no_time_to_wake_at_while_one_command_tries() -> None:
    """Its answer wakes it; a time that has passed would do so again and again."""
    session = resumed()
    pauses_of(session, 0.0, 3)
    now = session.wake_at
    assert now is not None
    assert send_all(session, now) == [8]
    assert session.wake_at is None
    settle(session, Result(counter=8, value=1), now)
    assert session.wake_at is None


def test_a_new_connection_tries_one_command_at_once_and_pauses_no_shorter_than_the_old_one() -> None:
    session = resumed()
    pauses_of(session, 0.0, 7)
    for now in (7.0, 8.0, 9.0):
        session.open("", 0)
        assert send_all(session, now) == [8], "behind RESUME already"
        session.attach(Resumed(accepted=7, head=40))
        assert send_all(session, now) == []
        refuse(session, [8], now)
        assert session.wake_at == now + PAUSE_S_MAX
    session.open("", 0)
    assert send_all(session, 10.0) == [8]
    settle(session, Result(counter=8, value=1), 10.0)
    assert len(send_all(session, 10.0)) == limits.COMMANDS_IN_FLIGHT_MAX


def test_a_disk_full_for_half_an_hour_costs_a_phone_some_four_hundred_commands() -> None:
    """Not ten windows a second, however short its pauses may be; room is noticed within five seconds."""
    session = resumed()
    now, sent = 0.0, 0
    while now < 35 * 60:
        flight = send_all(session, now)
        sent += len(flight)
        refuse(session, flight, now, retry_after_ms=1)
        assert session.wake_at is not None
        assert session.wake_at <= now + PAUSE_S_MAX
        now = session.wake_at
    assert 400 < sent < 470
