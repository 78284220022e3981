"""The table of states: each (state, side, frame) of it is allowed, every other is refused, at both ends."""

import pytest

from improtocol import TRANSITIONS, Body, Frame, LocalProtocolError, RemoteProtocolError, Side, State, Text
from improtocol import frames as f
from improtocol.commands import Post
from tests.protocol.dialogue import SECRET, pair_in

SAMPLES: dict[type[Frame], Frame] = {
    type(frame): frame
    for frame in (
        f.Connect(token="t", device="d"),
        f.Connected(session=1, secret=SECRET, epoch=1, accepted=0, head=0),
        f.Resume(session=1, secret=SECRET, epoch=1, cursor=0, next=1),
        f.Resumed(accepted=0, head=0),
        f.Resync(reason=1, oldest=1, head=1, epoch=1),
        f.Command(counter=1, action=Post(conversation=1, body=Body(content=Text("x")))),
        f.Result(counter=1),
        f.Events(start=0, end=0, entries=()),
        f.Ack(count=1),
        f.Seek(position=1),
        f.Query(id=1, op=1),
        f.Reply(id=1),
        f.Signal(kind=1),
        f.Mode(mode=1),
        f.Ping(),
        f.Pong(),
        f.Close(code=103),
    )
}
EVERY = [(state, side, frame) for state in State for side in Side for frame in SAMPLES]


def named(value: object) -> str:
    return getattr(value, "name", None) or getattr(value, "__name__", "?")


def test_the_samples_are_all_frames() -> None:
    assert set(SAMPLES) == set(Frame.__args__)
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize(("state", "side", "kind"), EVERY, ids=named)
def test_each_step_of_the_table_is_taken_and_no_other(state: State, side: Side, kind: type[Frame]) -> None:
    pair, frame = pair_in(state), SAMPLES[kind]
    following = TRANSITIONS[state].get((side, kind))
    if following is None:
        with pytest.raises(LocalProtocolError, match=f"{kind.__name__} is not allowed in state {state.name}"):
            pair.ends[side].send(frame)
        assert pair.ends[side].state is state
    else:
        assert pair.say(side, frame) == frame
        assert pair.client.state is pair.server.state is following


@pytest.mark.parametrize(
    ("state", "side", "kind"),
    [
        step
        for step in EVERY
        if (step[1], step[2]) not in TRANSITIONS[step[0]] and step[0] is not State.CLOSED
    ],
    ids=named,
)
def test_a_peer_that_leaves_the_table_is_refused(state: State, side: Side, kind: type[Frame]) -> None:
    """The bytes come from whoever may say it, where it may be said."""
    where, who = next((at, by) for at in State for by in Side if (by, kind) in TRANSITIONS[at])
    data = pair_in(where).ends[who].send(SAMPLES[kind])
    pair = pair_in(state)
    with pytest.raises(RemoteProtocolError, match=f"is not allowed in state {state.name}"):
        pair.carry(side, data)
    assert pair.ends[side.peer].state is state


def test_after_close_everything_is_dropped() -> None:
    ping = pair_in(State.OPEN).client.send(f.Ping())
    pair = pair_in(State.CLOSED)
    assert pair.carry(Side.CLIENT, ping * 3) == []
    assert pair.server.buffered_bytes == 0


def test_every_state_can_be_reached_and_left() -> None:
    reached = {following for row in TRANSITIONS.values() for following in row.values()} | {State.NEW}
    assert reached == set(State)
    assert all(TRANSITIONS[state] for state in set(State) - {State.CLOSED})
    assert Side.CLIENT.peer is Side.SERVER
    assert Side.SERVER.peer is Side.CLIENT
