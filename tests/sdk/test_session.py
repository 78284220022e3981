"""The session as a dialogue: what may be sent when, what a frame means, without any I/O."""

import pytest

from improtocol import Code, RemoteProtocolError, limits
from improtocol.frames import Ack, Connect, Connected, Events, Result, Resume, Resumed
from imsdk.session import ACK_AFTER, ACK_AFTER_BYTES, ACK_DELAY_S, Session, Verdict
from imsdk.store.rows import Identity

KNOWN = Identity(
    device="phone", user="alice", session=5, secret=b"s" * 16, epoch=3, cursor=40, acked=7, assigned=9
)


def attached(accepted: int = 7, head: int = 40) -> Session:
    session = Session(KNOWN)
    session.open("", 0)
    session.attach(Resumed(accepted=accepted, head=head))
    return session


def test_a_new_device_connects_with_its_token_and_says_nothing_before_the_answer() -> None:
    session = Session(Identity(device="phone"))
    assert session.open("token", 1) == Connect(token="token", device="phone", mode=1)
    assert session.sendable(0)[1] == 0
    fresh = Connected(session=5, secret=b"s" * 16, epoch=1, accepted=3, head=0)
    assert session.attach(fresh).fresh == fresh
    assert session.sendable(0)[1] == 0, "nor before the store has it and has perhaps counted anew"
    session.renew(Identity(device="phone", session=5, secret=b"s" * 16, epoch=1, acked=3, assigned=4))
    assert session.sendable(0) == (3, limits.COMMANDS_IN_FLIGHT_MAX)


def test_a_known_session_resumes_and_sends_right_behind_it() -> None:
    session = Session(KNOWN)
    assert session.open("", 0) == Resume(session=5, secret=b"s" * 16, epoch=3, cursor=40, next=8)
    assert session.sendable(0) == (7, limits.COMMANDS_IN_FLIGHT_MAX)


def test_no_more_than_the_window_is_under_way() -> None:
    session = attached()
    for counter in range(8, 40):
        session.sent(counter)
    assert session.sendable(0) == (39, 0)
    assert session.judge(Result(counter=8, value=1), 0) is Verdict.SETTLED
    assert session.sendable(0) == (39, 0), "killed now, the app asks for 8 again, which the server must know"
    session.settled()
    assert session.sendable(0) == (39, 1)


def test_a_counter_is_acked_only_after_its_commit() -> None:
    session = attached()
    session.sent(8)
    session.judge(Result(counter=8, value=1), 0)
    assert session.acked == 7
    session.settled()
    assert session.acked == 8


def test_a_refusal_pauses_and_everything_from_it_on_is_sent_again() -> None:
    session = attached()
    for counter in (8, 9, 10):
        session.sent(counter)
    assert session.judge(Result(counter=8, value=1), 0) is Verdict.SETTLED
    refusal = Result(counter=9, code=Code.DISK_FULL, retry_after_ms=2000)
    assert session.judge(refusal, 10.0) is Verdict.PAUSED
    assert session.judge(Result(counter=10, code=Code.OUT_OF_TURN), 10.0) is Verdict.STALE
    session.settled()
    assert session.sendable(11.9)[1] == 0
    assert session.wake_at == 12.0
    assert session.sendable(12.0) == (8, 1)
    session.sent(9)
    assert session.judge(Result(counter=9, value=2), 12.1) is Verdict.SETTLED
    session.settled()
    assert session.sendable(12.1) == (9, limits.COMMANDS_IN_FLIGHT_MAX)


def test_after_a_refusal_the_rest_of_the_flight_is_awaited_however_slow_the_server() -> None:
    """Sent again too early, there would be more on its way than a server allows."""
    session = attached()
    for counter in (8, 9, 10):
        session.sent(counter)
    session.judge(Result(counter=10, code=Code.OVERLOADED, retry_after_ms=100), 0.0)
    assert session.sendable(100.0)[1] == 0
    assert session.wake_at is None
    session.judge(Result(counter=8, value=1), 101.0)
    assert session.sendable(101.0)[1] == 0
    session.judge(Result(counter=9, value=2), 102.0)
    session.settled()
    assert session.sendable(102.0) == (9, limits.COMMANDS_IN_FLIGHT_MAX)


def test_a_permanent_refusal_uses_its_counter_up() -> None:
    session = attached()
    session.sent(8)
    assert session.judge(Result(counter=8, code=Code.FORBIDDEN), 0) is Verdict.SETTLED


def test_a_result_that_comes_twice_counts_once() -> None:
    session = attached()
    session.sent(8)
    result = Result(counter=8, value=1)
    assert session.judge(result, 0) is Verdict.SETTLED
    assert session.judge(result, 0) is Verdict.STALE


@pytest.mark.parametrize("start", [39, 41])
def test_a_range_that_does_not_begin_at_the_cursor_is_refused(start: int) -> None:
    with pytest.raises(RemoteProtocolError):
        attached().check(Events(start=start, end=start + 1, entries=()))


def test_acks_wait_for_company_but_not_longer_than_a_second_nor_half_a_window() -> None:
    session = attached()
    session.committed(41, 5.0)
    assert session.ack_at == 5.0 + ACK_DELAY_S
    session.committed(40 + ACK_AFTER, 5.5)
    assert session.ack_at == 0.0
    assert session.take_ack() == Ack(count=ACK_AFTER, digest=0)
    assert session.take_ack() is None
    assert session.ack_at is None


def test_long_messages_are_acknowledged_before_they_close_the_window_by_their_bytes() -> None:
    session = attached()
    session.committed(41, 5.0, size=ACK_AFTER_BYTES - 1)
    assert session.ack_at == 5.0 + ACK_DELAY_S
    session.committed(42, 5.5, size=1)
    assert session.ack_at == 0.0
    assert session.take_ack() is not None
    session.committed(43, 6.0, size=1)
    assert session.ack_at == 6.0 + ACK_DELAY_S


def test_no_ack_is_due_while_a_snapshot_is_taken() -> None:
    """None may be sent, so a time at which it were due would wake the writer again and again."""
    session = attached()
    session.committed(41, 5.0)
    session.begin_resync()
    assert session.ack_at is None


def test_a_new_connection_owes_no_ack_for_the_old_one() -> None:
    session = attached()
    session.committed(50, 0)
    session.open("", 0)
    session.attach(Resumed(accepted=7, head=50))
    assert session.take_ack() is None


def test_nothing_is_sent_while_a_snapshot_is_taken() -> None:
    session = attached()
    session.begin_resync()
    assert session.sendable(0)[1] == 0
    session.end_resync(Identity(device="phone", session=5, secret=b"s" * 16, epoch=4, cursor=90, acked=7))
    assert (session.epoch, session.cursor) == (4, 90)
    assert session.sendable(0) == (7, limits.COMMANDS_IN_FLIGHT_MAX)


def test_an_overloaded_answer_that_overtakes_earlier_results_is_heeded() -> None:
    """A server that holds too much refuses at once; the refused command is sent again after the pause."""
    session = attached()
    for counter in (8, 9, 10):
        session.sent(counter)
    refusal = Result(counter=10, code=Code.OVERLOADED, retry_after_ms=2000)
    assert session.judge(refusal, 100.0) is Verdict.PAUSED
    assert session.judge(Result(counter=8, value=1, at_ms=1), 100.1) is Verdict.SETTLED
    assert session.judge(Result(counter=9, value=2, at_ms=1), 100.1) is Verdict.SETTLED
    session.settled()
    assert session.sendable(101.0)[1] == 0
    assert session.sendable(102.1) == (9, limits.COMMANDS_IN_FLIGHT_MAX)
