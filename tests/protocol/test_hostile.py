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
    Value,
    limits,
    pack,
    unpack,
)
from improtocol import frames as f
from improtocol.framing import FrameBuffer, frame_bytes
from tests.protocol import strategies_frames as s
from tests.protocol.dialogue import Pair, pair_in
from tests.protocol.test_state import SAMPLES

STATES = [State.NEW, State.RESUMING, State.OPEN]
MIB = 1024 * 1024
#: What a byte of input may cost a client in memory while it is decoded. The worst that is let through to the
#: decoder are arrays of arrays of 15 (176 bytes for a byte) and eight arrays as long as the input (64 bytes
#: for a byte), then objects.
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


def peak_bytes(state: State, data: bytes, side: Side = Side.SERVER) -> int:
    """The most memory that taking `data` in ever held at once, the input itself excluded."""
    connection = pair_in(state).ends[side]
    tracemalloc.start()
    try:
        listen(connection, data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.replace(" ", "-"))
@pytest.mark.parametrize("name", BOMBS, ids=lambda name: name.replace(" ", "-"))
@pytest.mark.parametrize("size", [40, 4_000, limits.VALUES_MAX, limits.FRAME_BYTES_MAX])
def test_no_bomb_costs_a_server_a_mib_more_than_its_own_bytes(start: str, name: str, size: int) -> None:
    state = State.OPEN if size > limits.FRAME_BYTES_PREAUTH_MAX else State.NEW
    data = frame_bytes(STARTS[start] + bomb(BOMBS[name], size - len(STARTS[start])))
    peak_bytes(state, data)  # first uses fill caches, which are not the input's fault
    peak = peak_bytes(state, data)
    assert peak <= len(data) + MIB, (peak - len(data)) / MIB


#: Values of which a whole frame is full: nothing in it is announced that is not there.
SMALL_VALUES = {
    "empty arrays": b"\x90",
    "empty maps": b"\x80",
    "nils": b"\xc0",
    "arrays of one": b"\x91\xc0",
    "maps of one": b"\x81\xa0\xc0",
    "integers": b"\xcd\x7f\xff",
    "text": b"\xa2\xc4\x80",
    "extension types": b"\xd4\x01\x00",
}


def whole_bomb(value: bytes) -> bytes:
    """The largest frame, a query with arguments that nobody knows: full arrays of `value`, as many as fit."""
    row = b"\xdc\x0f\xff" + value * 4_095
    count = (limits.FRAME_BYTES_MAX - 16) // len(row)
    return frame_bytes(b"\xdc" + (3 + count).to_bytes(2, "big") + b"\x05\x01\x01" + row * count)


@pytest.mark.parametrize("name", SMALL_VALUES, ids=lambda name: name.replace(" ", "-"))
def test_no_frame_full_of_values_costs_a_server_a_mib(name: str) -> None:
    """Uncounted they take 2 to 18 MiB: what they announce is there, so nothing but their number is wrong."""
    data = whole_bomb(SMALL_VALUES[name])
    assert len(data) > limits.FRAME_BYTES_MAX - 16_384
    peak_bytes(State.OPEN, data)
    assert peak_bytes(State.OPEN, data) < len(data) + 64 * 1024


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.replace(" ", "-"))
@pytest.mark.parametrize("name", BOMBS, ids=lambda name: name.replace(" ", "-"))
@pytest.mark.parametrize("size", [40, 20_000])
def test_no_bomb_costs_a_client_more_than_a_constant_times_its_size(start: str, name: str, size: int) -> None:
    data = frame_bytes(STARTS[start] + bomb(BOMBS[name], size - len(STARTS[start])))
    peak_bytes(State.OPEN, data, Side.CLIENT)
    peak = peak_bytes(State.OPEN, data, Side.CLIENT)
    assert peak <= BYTES_PER_BYTE_MAX * len(data) + BYTES_FIXED_MAX, peak / len(data)


def chain(number: int, links: int) -> bytes:
    """`2 * links + 1` values: maps in each other, as deep as the decoder goes, with keys of their own."""
    return b"".join(b"\x81\xa5" + f"Ā{number:x}{link:02x}".encode() for link in range(links)) + b"\xc0"


#: Frames of nearly VALUES_MAX values, of the kinds that take most memory each.
COSTLY = {
    "maps in each other": b"\xdc\x00\x0a" + b"".join(chain(number, 250) for number in range(10)),
    "empty maps": b"\x92" + (b"\xdc\x09\xf0" + b"\x80" * 2544) * 2,
    "text of wide characters": b"\x92" + (b"\xdc\x09\xf0" + b"\xaa\xf0\x9f\x98\x80abcdef" * 2544) * 2,
}


def costly_frame(name: str) -> bytes:
    """A query with these values as its argument."""
    return frame_bytes(b"\x94\x05\x01\x01" + COSTLY[name])


@pytest.mark.parametrize("name", COSTLY, ids=lambda name: name.replace(" ", "-"))
def test_the_costliest_values_that_are_allowed_stay_below_a_mib(name: str) -> None:
    data = costly_frame(name)
    peak_bytes(State.OPEN, data)
    peak = peak_bytes(State.OPEN, data)
    assert peak <= len(data) + MIB, (peak - len(data)) / MIB


@pytest.mark.parametrize("rest", [b"", b"\x01"], ids=["of a query", "of a message"])
def test_one_wide_character_makes_all_of_a_text_wide_and_nothing_more(rest: bytes) -> None:
    """Python holds it at four bytes a character: the frame, the text, and a quarter of it while decoding."""
    text = "\U0001f600".encode() + b"x" * (limits.FRAME_BYTES_MAX - 64)
    head = b"\x95\x03\x01\x01" if rest else b"\x94\x05\x01\x01"
    data = frame_bytes(head + b"\xdb" + len(text).to_bytes(4, "big") + text + rest)
    peak_bytes(State.OPEN, data)
    assert peak_bytes(State.OPEN, data) < (1 + 4 + 1) * len(data) + BYTES_FIXED_MAX


def test_a_server_counts_values_before_it_builds_them() -> None:
    """One more than allowed: neither the arrays nor the texts in them are ever there."""
    rows = [["x"] * 2_000, ["x"] * (limits.VALUES_MAX - 2_006)]
    connection = pair_in(State.OPEN).server
    connection.receive_data(frame_bytes(pack([5, 1, 1, *rows])))
    assert isinstance(connection.next_event(), f.Query)
    rows[1].append("x")
    data = frame_bytes(pack([5, 1, 1, *rows]))
    connection.receive_data(data)
    with pytest.raises(RemoteProtocolError, match="at most 5120 values"):
        connection.next_event()
    assert peak_bytes(State.OPEN, data) < len(data) + 8 * 1024


def test_a_client_gets_frames_of_more_values() -> None:
    """A page of history may hold as many as its bytes: dense custom messages of many users."""
    rows: list[Value] = [[0] * 4_000 for _ in range(20)]
    client = pair_in(State.OPEN).client
    client.receive_data(frame_bytes(pack([15, 1, rows])))
    assert isinstance(client.next_event(), f.Reply)


def test_a_frame_that_came_in_pieces_is_held_twice_at_most() -> None:
    """In the buffer, which grows by an eighth, and cut out of it."""
    data = frame_bytes(bytes(limits.FRAME_BYTES_MAX))
    pieces = [data[begin : begin + 65_536] for begin in range(0, len(data), 65_536)]
    buffer = FrameBuffer()
    tracemalloc.start()
    try:
        for piece in pieces:
            buffer.feed(piece)
        assert buffer.take() == bytes(limits.FRAME_BYTES_MAX)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * len(data)
    finally:
        tracemalloc.stop()


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
