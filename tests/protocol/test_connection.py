"""Dialogues: what both ends remember of the frame before, and what a failure leaves behind."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from improtocol import (
    NEED_DATA,
    Body,
    Code,
    Connection,
    Custom,
    Entry,
    LocalProtocolError,
    RemoteProtocolError,
    Side,
    State,
    Text,
    Unknown,
    Value,
    close_for,
    limits,
    pack,
    unpack,
)
from improtocol import frames as f
from improtocol.commands import Action, Create, Edit, Invite, Leave, Logout, MarkRead, Post
from improtocol.framing import FrameBuffer, frame_bytes
from improtocol.queries import Presence
from tests.protocol.dialogue import AT_MS, CONVERSATION, EPOCH, SECRET, SESSION, Pair, pair_in

HELLO = Body(content=Text("hello"))
CLIENT, SERVER = Side.CLIENT, Side.SERVER


def command(counter: int, action: Action | None = None) -> f.Command:
    return f.Command(counter=counter, action=action or Post(conversation=CONVERSATION, body=HELLO))


def values_of(data: bytes) -> list[Any]:
    """The fields in the one frame of `data`, as they travel."""
    buffer = FrameBuffer()
    buffer.feed(data)
    payload = buffer.take()
    assert payload is not None
    assert buffer.take() is None
    value = unpack(payload)
    assert isinstance(value, list)
    return value


def entry(seq: int, sender: str = "u1", at_ms: int = AT_MS, payload: bytes = pack("hi")) -> Entry:
    return Entry(0, at_ms, sender, CONVERSATION, seq, payload)


def test_a_first_connection_from_token_to_goodbye() -> None:
    pair = Pair()
    pair.say(CLIENT, f.Connect(token="a.b.c", device="phone"))
    pair.say(
        SERVER, f.Connected(session=SESSION, secret=SECRET, epoch=EPOCH, accepted=0, head=2, behind_events=2)
    )
    pair.say(SERVER, f.Events(start=0, end=2, entries=(entry(1), entry(2))))
    pair.say(CLIENT, f.Ack(count=2))
    pair.say(CLIENT, command(1))
    pair.say(SERVER, f.Result(counter=1, value=3, at_ms=AT_MS + 5))
    pair.say(CLIENT, f.Ping())
    pair.say(SERVER, f.Pong())
    pair.say(SERVER, f.Close(code=Code.DRAINING, retry_after_ms=1_500))
    assert pair.client.state is pair.server.state is State.CLOSED


def test_commands_may_follow_resume_before_the_answer() -> None:
    pair = Pair()
    resume = f.Resume(session=SESSION, secret=SECRET, epoch=EPOCH, cursor=40_000, next=40_001)
    flight = pair.client.send(resume) + pair.client.send(command(40_001)) + pair.client.send(command(40_002))
    assert pair.carry(CLIENT, flight) == [resume, command(40_001), command(40_002)]
    pair.say(SERVER, f.Resumed(accepted=40_001, head=40_000))
    assert pair.say(SERVER, f.Result(counter=40_001, value=7, at_ms=AT_MS)).counter == 40_001


def test_a_conversation_is_said_when_it_changes() -> None:
    client = Pair().resumed().client
    other = Post(conversation="customer", body=HELLO)
    assert values_of(client.send(command(1)))[3:] == ["hello", CONVERSATION]
    assert values_of(client.send(command(2)))[3:] == ["hello"]
    assert values_of(client.send(command(3, MarkRead(conversation=CONVERSATION, seq=9))))[2:] == [5, 9]
    assert values_of(client.send(command(4, other)))[3:] == ["hello", "customer"]
    assert values_of(client.send(command(5, other)))[3:] == ["hello"]
    assert values_of(client.send(command(6)))[3:] == ["hello", CONVERSATION]
    assert values_of(client.send(command(7, Leave(conversation=CONVERSATION))))[2:] == [8]


def test_each_connection_says_its_conversation_anew() -> None:
    """A retry on the next connection must not lean on the first one's context."""
    first, retried = Pair().resumed(next_counter=5), Pair().resumed(next_counter=5)
    assert values_of(first.client.send(command(5)))[-1] == CONVERSATION
    assert values_of(first.client.send(command(6)))[-1] == "hello"
    assert values_of(retried.client.send(command(6)))[-1] == CONVERSATION


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(5, 37)), min_size=1, max_size=40))
def test_go_back_n_on_one_connection_is_understood(steps: list[tuple[int, int]]) -> None:
    """After a refusal the client sends again from an earlier counter, in the same or another conversation."""
    pair = Pair().resumed(next_counter=5)
    for conversation, counter in steps:
        said = command(counter, Post(conversation=conversation, body=HELLO))
        assert pair.say(CLIENT, said) == said
        answered = f.Result(counter=counter, code=Code.OUT_OF_TURN)
        assert pair.say(SERVER, answered) == answered


@pytest.mark.parametrize("side", Side, ids=lambda side: side.name)
@given(st.lists(st.integers(-70, 130), min_size=1, max_size=30))
def test_counters_may_wander_as_far_as_they_like(side: Side, steps: list[int]) -> None:
    """Seven bits where they tell, whole where they do not: both ends must agree which, frame by frame."""
    pair, counter = Pair().resumed(next_counter=200), 199
    for step in steps:
        counter = max(1, counter + step)
        said = command(counter) if side is CLIENT else f.Result(counter=counter, value=1, at_ms=AT_MS)
        assert pair.say(side, said) == said


@pytest.mark.parametrize(
    "fields", [[2], [2, {"of": "a later version"}], [2**16 + 1, "t", "d"], [2**63, "t", "d"]], ids=str
)
def test_the_version_of_a_connect_is_looked_at_before_its_other_fields(fields: list[Value]) -> None:
    with pytest.raises(RemoteProtocolError, match="speaks version 1") as caught:
        Pair().carry(CLIENT, frame_bytes(pack([1, *fields])))
    assert close_for(caught.value).code == Code.VERSION_UNSUPPORTED


@pytest.mark.parametrize("fields", [[], [0, "t", "d"], [True, "t", "d"], ["2", "t", "d"]], ids=str)
def test_a_connect_without_a_version_breaks_the_protocol(fields: list[Value]) -> None:
    with pytest.raises(RemoteProtocolError, match="version") as caught:
        Pair().carry(CLIENT, frame_bytes(pack([1, *fields])))
    assert caught.value.code == Code.PROTOCOL_ERROR


def test_a_restored_server_sets_the_counters_back() -> None:
    """After RESYNC(RESTORED) the client numbers anew from `accepted` + 1, on the same connection."""
    pair = Pair().resumed(next_counter=100_000, accepted=500)
    pair.say(CLIENT, command(100_000))
    pair.say(SERVER, f.Resync(reason=2, oldest=1, head=9, epoch=EPOCH + 1))
    pair.say(SERVER, f.Result(counter=100_000, code=Code.OUT_OF_TURN))
    pair.say(CLIENT, f.Seek(position=9))
    assert pair.say(CLIENT, command(501)) == command(501)
    assert pair.say(CLIENT, command(502)) == command(502)
    for counter in (501, 502):
        result = f.Result(counter=counter, value=1, at_ms=AT_MS)
        assert pair.say(SERVER, result) == result


def test_logout_has_no_conversation_and_changes_none() -> None:
    pair = Pair().resumed()
    for said in (command(1), command(2, Logout()), command(3)):
        assert pair.say(CLIENT, said) == said


def test_results_and_entries_share_one_clock() -> None:
    server = Pair().resumed().server
    assert values_of(server.send(f.Result(counter=1, value=5, at_ms=AT_MS)))[3] == AT_MS
    assert values_of(server.send_events(7, 8, [entry(6, at_ms=AT_MS + 20)]))[2][0][1] == 20
    assert values_of(server.send(f.Result(counter=2, value=6, at_ms=AT_MS + 15)))[3] == -5
    refused = f.Result(counter=3, code=Code.INVALID, reason="no", at_ms=AT_MS + 99)
    assert values_of(server.send(refused))[3:] == [0, 500, 0, "no"]
    assert values_of(server.send(f.Result(counter=4, value=7, at_ms=AT_MS + 25)))[3] == 10


@given(
    st.lists(
        st.tuples(st.integers(1, 2**40), st.integers(0, 2**40), st.integers(0, 2**50)), min_size=1, max_size=9
    )
)
def test_send_result_is_a_short_way_to_send_a_result(results: list[tuple[int, int, int]]) -> None:
    by_frame, by_figures = Pair().resumed().server, Pair().resumed().server
    for counter, value, at_ms in results:
        frame = f.Result(counter=counter, value=value, at_ms=at_ms)
        assert by_figures.send_result(counter, value, at_ms) == by_frame.send(frame)
    for connection in (Connection(SERVER), Pair().resumed().client):
        with pytest.raises(LocalProtocolError, match="Result is not allowed"):
            connection.send_result(1, 1, 1)


def test_trailing_defaults_are_left_out() -> None:
    server = Pair().resumed().server
    assert values_of(server.send(f.Result(counter=1, code=503)))[2:] == [0, 0, 503]
    assert values_of(server.send(f.Result(counter=1, code=201, retry_after_ms=5)))[4:] == [201, 5]
    assert values_of(server.send(f.Reply(id=1, code=501)))[1:] == [1, None, 501]
    assert values_of(server.send(f.Reply(id=1, code=201, retry_after_ms=5)))[3:] == [201, "", 5]
    assert values_of(server.send(f.Signal(kind=2, user="u1", value=1)))[1:] == [2, None, "u1", 1]


def test_a_range_with_fewer_entries_than_positions_says_its_end() -> None:
    pair = Pair().resumed()
    for said in (
        f.Events(start=5, end=9, entries=(entry(1), entry(2))),
        f.Events(start=9, end=30, entries=()),
        f.Events(start=30, end=31, entries=(entry(4, "u2"),)),
    ):
        assert pair.say(SERVER, said) == said


def test_a_command_that_was_too_large_leaves_the_next_ones_context_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or the next command would name no conversation, and land in the one before the failed one."""
    pair = Pair().resumed()
    pair.say(CLIENT, command(40_001))
    monkeypatch.setattr(limits, "FRAME_BYTES_MAX", 100)
    elsewhere = Post(conversation=5, body=Body(content=Text("x" * 200)))
    with pytest.raises(LocalProtocolError) as caught:
        pair.client.send(command(40_100, elsewhere))
    assert caught.value.code is Code.FRAME_TOO_LARGE
    said = command(40_100, Post(conversation=5, body=HELLO))
    assert pair.say(CLIENT, said) == said


def test_events_that_were_too_large_leave_the_next_ones_context_alone() -> None:
    pair = Pair().resumed()
    pair.say(SERVER, f.Events(start=0, end=1, entries=(entry(1),)))
    large = pack("x" * limits.BODY_BYTES_MAX)
    with pytest.raises(LocalProtocolError):
        pair.server.send_events(1, 6, [entry(seq, "u2", AT_MS + seq, large) for seq in range(2, 7)])
    said = f.Events(start=1, end=2, entries=(entry(2, "u1", AT_MS + 9),))
    assert pair.say(SERVER, said) == said


def test_what_cannot_be_sent_is_a_local_error() -> None:
    client = Pair().resumed().client
    unknown = Post(conversation=1, body=Body(content=Unknown(type=99, fields=(), reason="later")))
    for frame in (
        command(1, unknown),
        f.Query(id=1, op=1, arguments=(object(),)),
        f.Query(id=1, op=1, arguments=(2**70,)),
    ):  # type: ignore[arg-type]
        with pytest.raises(LocalProtocolError):
            client.send(frame)


def test_only_a_server_with_a_session_sends_events() -> None:
    for connection in (Connection(SERVER), Pair().resumed().client, pair_in(State.RESUMING).server):
        with pytest.raises(LocalProtocolError, match="Events is not allowed"):
            connection.send_events(0, 1, [entry(1)])


def test_frames_are_small_until_the_session_is_attached() -> None:
    big = frame_bytes(pack([6, 1, None, "", 0, "x" * 1_000, "y" * 5_000]))
    for state in (State.NEW, State.RESUMING):
        with pytest.raises(RemoteProtocolError) as caught:
            pair_in(state).carry(CLIENT, big)
        assert caught.value.code is Code.FRAME_TOO_LARGE
    assert len(pair_in(State.OPEN).carry(CLIENT, big)) == 1


def test_whatever_a_client_may_say_has_fewer_values_than_a_frame() -> None:
    pair = Pair().resumed()
    names = tuple(f"u{number}" for number in range(limits.USERS_PER_COMMAND_MAX))
    data: list[Value] = [[0] * 2_000, {"k": [""] * (limits.CUSTOM_VALUES_MAX - 2_005)}]
    body = Body(content=Custom("k", data), reply_to=1, mentions=names[: limits.MENTIONS_MAX])
    for counter, action in enumerate(
        (
            Post(conversation=1, body=body),
            Edit(conversation=1, target=1, body=body),
            Create(conversation=1, members=names),
            Invite(conversation=1, users=names),
        ),
        1,
    ):
        assert pair.say(CLIENT, command(counter, action)) == command(counter, action)
    presence = Presence(users=names[: limits.WATCHED_USERS_MAX])
    pair.say(CLIENT, f.Query(id=1, op=presence.OP, arguments=presence.arguments()))


def test_after_a_broken_frame_nothing_more_is_heard_but_goodbye_can_be_said() -> None:
    pair = Pair().resumed()
    ping = pair.client.send(f.Ping())
    with pytest.raises(RemoteProtocolError) as caught:
        pair.carry(CLIENT, b"\x01\xc1" + ping)
    pair.server.receive_data(ping * 1_000)
    assert pair.server.next_event() is NEED_DATA
    assert pair.carry(SERVER, pair.server.send(close_for(caught.value))) == [
        f.Close(code=Code.PROTOCOL_ERROR, reason=caught.value.reason)
    ]


@pytest.mark.parametrize("reason", ["", "x" * 10_000, "中" * 10_000, "a\0b", "\ud800", "\U0001f600" * 600])
def test_every_error_can_be_said(reason: str) -> None:
    pair = Pair().resumed()
    assert pair.carry(SERVER, pair.server.send(close_for(RemoteProtocolError(reason))))


def test_an_idle_connection_holds_no_context() -> None:
    pair = Pair().resumed()
    pair.say(CLIENT, f.Ping())
    assert pair.server._context is None
    assert pair.server.buffered_bytes == 0
