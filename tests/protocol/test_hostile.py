"""Hostile bytes: only ever a RemoteProtocolError, and memory within a constant times what was sent."""

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from improtocol import (
    NEED_DATA,
    TRANSITIONS,
    Connection,
    Frame,
    RemoteProtocolError,
    Side,
    State,
    limits,
    unpack,
)
from improtocol import frames as f
from improtocol.framing import frame_bytes
from tests.protocol import strategies_frames as s
from tests.protocol.dialogue import Pair, pair_in
from tests.protocol.test_state import SAMPLES

STATES = [State.NEW, State.RESUMING, State.OPEN]
#: What a byte of input may cost in memory while it is decoded. The worst that is let through to the decoder
#: are arrays of arrays of 15 (176 bytes for a byte) and eight arrays as long as the input (64 bytes for a
#: byte), then objects.
BYTES_PER_BYTE_MAX = 250
#: An Unpacker (35 KiB) that looks whether everything is there, exceptions with their text and traceback.
BYTES_FIXED_MAX = 64 * 1024


def listen(connection: Connection, data: bytes) -> None:
    """Take `data` in; a breach of the protocol may end it, nothing else may."""
    try:
        connection.receive_data(data)
        while connection.next_event() is not NEED_DATA:
            pass
    except RemoteProtocolError as error:
        assert error.reason  # noqa: PT017 - this is no expectation, every such error must have one


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
@pytest.mark.parametrize("side", Side, ids=lambda side: side.name)
@given(data=st.binary(max_size=300))
def test_random_bytes(state: State, side: Side, data: bytes) -> None:
    listen(pair_in(state).ends[side], data)


@pytest.mark.parametrize("side", Side, ids=lambda side: side.name)
@given(opcode=st.integers(0, 20), rest=st.binary(max_size=60))
def test_random_fields_behind_an_opcode(side: Side, opcode: int, rest: bytes) -> None:
    for count in range(8):
        listen(pair_in(State.OPEN).ends[side], frame_bytes(bytes((0x90 | count, opcode)) + rest))


@pytest.mark.parametrize("side", Side, ids=lambda side: side.name)
@given(data=st.data())
def test_valid_frames_with_some_bytes_changed(side: Side, data: st.DataObject) -> None:
    sender = Pair().resumed().ends[side]
    said = data.draw(st.lists(s.spoken[side], min_size=1, max_size=4))
    stream = bytearray(b"".join(map(sender.send, said)))
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(stream) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                stream[index] = data.draw(st.integers(0, 255))
            case 1:
                stream[index:index] = data.draw(st.binary(max_size=4))
            case _ if len(stream) > 1:
                del stream[index]
    listen(Pair().resumed().ends[side.peer], bytes(stream))


@pytest.mark.parametrize("side", Side, ids=lambda side: side.name)
def test_many_seeded_mutations(side: Side) -> None:
    """The cheap kind, many: bytes of real frames set to those that mean most to msgpack."""
    rng = random.Random(7)
    sender = Pair().resumed().ends[side]
    frames = [sender.send(frame) for frame in samples(side)]
    for framed in frames:
        for _ in range(400):
            mutated = bytearray(framed)
            mutated[rng.randrange(1, len(mutated))] = rng.choice(b"\xc0\xc1\x80\x90\xdc\xa0\xcf\xff\x01")
            listen(Pair().resumed().ends[side.peer], bytes(mutated))


def samples(side: Side) -> list[Frame]:
    """A frame of every kind that `side` may send once a session is attached."""
    return [
        SAMPLES[kind] for sender, kind in TRANSITIONS[State.OPEN] if sender is side and kind is not f.Close
    ]


def bomb(header: bytes, size: int) -> bytes:
    return (header * (size // len(header) + 1))[:size]


BOMBS = {
    "arrays of 1,000 in each other": b"\xdc\x03\xe8",
    "arrays of 4,096 in each other": b"\xdc\x10\x00",
    "arrays of 65,535 in each other": b"\xdc\xff\xff",
    "arrays of 2^31 in each other": b"\xdd\x7f\xff\xff\xff",
    "arrays of 15 in each other": b"\x9f",
    "arrays of 1 in each other": b"\x91",
    "maps of 15 in each other": b"\x8f\xa1a",
    "maps of 65,535 in each other": b"\xde\xff\xff\xa1a",
    "empty arrays": b"\x90",
    "empty maps": b"\x80",
    "nils": b"\xc0",
    "floats": b"\xca\x00\x00\x00\x01",
    "short text": b"\xa1\xc3",
    "long text announced": b"\xdb\x7f\xff\xff\xff",
    "bytes announced": b"\xc6\x7f\xff\xff\xff",
    "extension types": b"\xd4\x01\x00",
}
STARTS = {
    "bare": b"",
    "command": b"\x94\x03\x01\x01",
    "long command": b"\xdc\x40\x00\x03\x01\x01",
    "custom data": b"\x95\x03\x01\x01\x92\x09\x92\xa1k",
    "query": b"\xdc\x10\x00\x05\x01\x01",
    "seven long arrays, then": b"\x9f\x05\x01\x01" + b"\xdc\x10\x00" * 7,
}


def peak_bytes(state: State, data: bytes) -> int:
    """The most memory that taking `data` in ever held at once, the input itself excluded."""
    connection = pair_in(state).server
    tracemalloc.start()
    try:
        listen(connection, data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.replace(" ", "-"))
@pytest.mark.parametrize("name", BOMBS, ids=lambda name: name.replace(" ", "-"))
@pytest.mark.parametrize("size", [40, 4_000, 200_000])
def test_no_bomb_allocates_more_than_a_constant_times_its_size(start: str, name: str, size: int) -> None:
    state = State.OPEN if size > limits.FRAME_BYTES_PREAUTH_MAX else State.NEW
    data = frame_bytes(STARTS[start] + bomb(BOMBS[name], size - len(STARTS[start])))
    peak_bytes(state, data)  # first uses fill caches, which are not the input's fault
    peak = peak_bytes(state, data)
    assert peak <= BYTES_PER_BYTE_MAX * len(data) + BYTES_FIXED_MAX, peak / len(data)


def test_an_announced_length_is_not_believed() -> None:
    """256 KiB announced, ten bytes sent: ten bytes held."""
    connection = pair_in(State.OPEN).server
    peak = peak_bytes(State.OPEN, b"\x80\x80\x10" + bytes(10))
    assert peak < BYTES_FIXED_MAX
    connection.receive_data(b"\x80\x80\x10" + bytes(10))
    assert connection.next_event() is NEED_DATA
    assert connection.buffered_bytes == 13


@given(st.sampled_from(sorted(BOMBS)), st.integers(1, 3_000))
def test_bombs_are_value_errors(name: str, size: int) -> None:
    try:
        unpack(bomb(BOMBS[name], size))
    except ValueError:
        return
    assert size < 12, "only a fragment of such a bomb is a value"
