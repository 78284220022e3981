"""Frames: every one survives the wire, a bad one is refused, and what a later version appends is ignored."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from improtocol import NEED_DATA, Frame, Opcode, RemoteProtocolError, Side, State, pack
from improtocol import frames as f
from improtocol.framing import frame_bytes
from improtocol.layouts import LAYOUTS, OPCODES, plain_from_values, plain_to_values, read_head
from tests.protocol import strategies_frames as s
from tests.protocol.dialogue import SECRET, Pair, pair_in

#: Every frame with the states it may be sent in first, and by whom.
PLAIN = {
    f.Connect: s.connects,
    f.Connected: s.connecteds,
    f.Resume: s.resumes,
    f.Resumed: s.resumeds,
    f.Resync: s.resyncs,
    f.Ack: st.builds(f.Ack, count=st.integers(1, 2**53 - 1)),
    f.Seek: st.builds(f.Seek, position=st.integers(0, 2**53 - 1)),
    f.Signal: s.signals,
    f.Mode: s.modes,
    f.Ping: s.pings,
    f.Pong: s.pongs,
    f.Close: s.closes,
}


def test_every_frame_has_a_layout_and_a_strategy() -> None:
    assert set(OPCODES) == set(Frame.__args__)
    assert set(OPCODES.values()) == set(Opcode)
    assert set(PLAIN) == {frame_type for frame_type, _ in LAYOUTS.values()}


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_plain_frame_comes_back_as_it_was(kind: type[Frame], data: st.DataObject) -> None:
    frame = data.draw(PLAIN[kind])
    opcode, values = read_head(pack(plain_to_values(frame)))
    assert opcode == OPCODES[kind]
    assert plain_from_values(opcode, values) == frame
    whole = [getattr(frame, name) for name in LAYOUTS[OPCODES[kind]][1]]
    assert plain_from_values(opcode, [*whole, "from", ["later"]]) == frame


@pytest.mark.parametrize("side", Side, ids=lambda side: side.name)
@given(data=st.data())
def test_a_conversation_of_frames_arrives_as_it_was_said(side: Side, data: st.DataObject) -> None:
    """Whatever stands in the context from the frames before, and in whatever pieces the bytes come."""
    said = data.draw(st.lists(s.spoken[side], min_size=1, max_size=12))
    pair = Pair().resumed(next_counter=data.draw(st.integers(1, 300)))
    stream = b"".join(pair.ends[side].send(frame) for frame in said)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    heard: list[Frame] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        heard += pair.carry(side, stream[start:end])
    assert heard == said


@pytest.mark.parametrize("side", Side, ids=lambda side: side.name)
@given(data=st.data())
def test_a_conversation_of_frames_arrives_byte_by_byte(side: Side, data: st.DataObject) -> None:
    said = data.draw(st.lists(s.spoken[side], min_size=1, max_size=4))
    pair = Pair().resumed()
    heard: list[Frame] = []
    for byte in b"".join(pair.ends[side].send(frame) for frame in said):
        heard += pair.carry(side, bytes((byte,)))
    assert heard == said


@given(s.connects, s.connecteds)
def test_a_first_connect_arrives_as_it_was_said(connect: f.Connect, connected: f.Connected) -> None:
    pair = Pair()
    assert pair.say(Side.CLIENT, connect) == connect
    assert pair.say(Side.SERVER, connected) == connected


@given(s.resumes, s.resumeds)
def test_a_resume_arrives_as_it_was_said(resume: f.Resume, resumed: f.Resumed) -> None:
    pair = Pair()
    assert pair.say(Side.CLIENT, resume) == resume
    assert pair.say(Side.SERVER, resumed) == resumed


@pytest.mark.parametrize(
    ("state", "side", "values", "complaint"),
    [
        (State.NEW, Side.CLIENT, [1, 1, "t"], "CONNECT: its field 'device' is missing"),
        (State.NEW, Side.CLIENT, [1, 1, "", "d"], "CONNECT: token must not be empty"),
        (State.NEW, Side.CLIENT, [1, 0, "t", "d"], "CONNECT: version must lie in"),
        (State.NEW, Side.CLIENT, [2, 1, SECRET[1:], 1, 0, 1], "RESUME: secret must have 16"),
        (State.NEW, Side.CLIENT, [2, 1, SECRET, 0, 0, 1], "RESUME: epoch must lie in 1"),
        (State.NEW, Side.CLIENT, [2, 1, SECRET, 1, 0, 0], "RESUME: next must lie in 1"),
        (State.NEW, Side.CLIENT, [2, 1, SECRET, 1, 0, 1, 2], "RESUME: mode must lie in 0..1"),
        (State.OPEN, Side.CLIENT, [3], "COMMAND: a counter travels as"),
        (State.OPEN, Side.CLIENT, [3, 1], "COMMAND: command None is unknown"),
        (State.OPEN, Side.CLIENT, [4, 0], "ACK: count must lie in 1"),
        (State.OPEN, Side.CLIENT, 17, "SEEK: its field 'position' is missing"),
        (State.OPEN, Side.CLIENT, [5, 1], "QUERY: needs at least 2 fields"),
        (State.OPEN, Side.CLIENT, [5, 1, 0], "QUERY: query op must lie in"),
        (State.OPEN, Side.CLIENT, [6, 0], "SIGNAL: signal kind must lie in"),
        (State.OPEN, Side.CLIENT, [6, 1, "", ""], "SIGNAL: user must not be empty"),
        (State.OPEN, Side.CLIENT, [7, None], "MODE: mode must be an integer"),
        (State.OPEN, Side.CLIENT, [10, 1_000], "CLOSE: code must lie in"),
        (State.OPEN, Side.CLIENT, [10, 100, 0, "x" * 513], "CLOSE: reason may have at most 512"),
        (State.OPEN, Side.CLIENT, [17, -1], "SEEK: position must lie in"),
        (State.OPEN, Side.CLIENT, [18], "opcode 18 is unknown"),
        (State.OPEN, Side.CLIENT, 18, "opcode 18 is unknown"),
        (State.OPEN, Side.CLIENT, [], "begins with its opcode"),
        (State.OPEN, Side.CLIENT, ["x"], "begins with its opcode"),
        (State.OPEN, Side.CLIENT, "x", "begins with its opcode"),
        (State.OPEN, Side.CLIENT, {}, "begins with its opcode"),
        (State.OPEN, Side.SERVER, [13, 1, 1], "RESULT: needs at least 3 fields"),
        (State.OPEN, Side.SERVER, [13, 1, 1, None], "RESULT: a time difference must be"),
        (State.OPEN, Side.SERVER, [13, 1, 1, -5], "RESULT: at_ms must lie in"),
        (State.OPEN, Side.SERVER, [13, 1, 1, 2**60], "RESULT: at_ms must lie in"),
        (State.OPEN, Side.SERVER, [13, 1, 1, 1, False], "RESULT: code must be an integer"),
        (State.OPEN, Side.SERVER, [14, 0], "EVENTS: needs at least 2 fields"),
        (State.OPEN, Side.SERVER, [14, "0", []], "EVENTS: "),
        (State.OPEN, Side.SERVER, [14, 0, {}], "EVENTS: entries must be a list"),
        (State.OPEN, Side.SERVER, [14, 5, [], 4], "EVENTS: end must lie in 5"),
        (State.OPEN, Side.SERVER, [14, 0, [["x", 0, "u", 1, 1]] * 2, 1], "EVENTS: events: more entries"),
        (State.OPEN, Side.SERVER, [15, 1], "REPLY: needs at least 2 fields"),
        (State.OPEN, Side.SERVER, [16, 0, 0, 0, 1], "RESYNC: reason must lie in"),
    ],
)
def test_a_bad_frame_is_refused_by_name(state: State, side: Side, values: Any, complaint: str) -> None:
    pair = pair_in(state)
    with pytest.raises(RemoteProtocolError, match=complaint):
        pair.carry(side, frame_bytes(pack(values)))
    assert pair.ends[side.peer].next_event() is NEED_DATA


def test_a_result_that_is_ok_has_no_reason() -> None:
    """Its reason would not be sent: better said at once."""
    with pytest.raises(ValueError, match="neither a retry time nor a reason"):
        f.Result(counter=1, reason="no")
    with pytest.raises(ValueError, match="neither a retry time nor a reason"):
        f.Result(counter=1, retry_after_ms=5)


def test_a_result_that_is_ok_with_a_reason_from_another_implementation_is_understood() -> None:
    framed = frame_bytes(pack([13, 1, 7, 5, 0, 0, "well done"]))
    assert pair_in(State.OPEN).carry(Side.SERVER, framed) == [f.Result(counter=39_937, value=7, at_ms=5)]


def test_an_empty_array_of_fields_and_the_bare_opcode_are_the_same_frame() -> None:
    pair = pair_in(State.OPEN)
    assert pair.carry(Side.CLIENT, frame_bytes(pack([8])) + frame_bytes(pack(8))) == [f.Ping(), f.Ping()]
