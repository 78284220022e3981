"""The protocol's parsers as functions of bytes that swallow typed errors only; one that raises has failed."""

from contextlib import suppress

from improtocol import (
    NEED_DATA,
    Connection,
    RemoteProtocolError,
    Side,
    State,
    body_from_value,
    read_body,
    unpack,
)
from improtocol import limits as wire_limits
from improtocol.entries import Entry, read_entry
from improtocol.event_codec import EventContext, decode_entries
from improtocol.framing import FrameBuffer
from improtocol.queries import ConversationsPage, HistoryPage, MembersPage, question_from
from improtocol.steps import STEPS


def framing(data: bytes) -> None:
    buffer, begin = FrameBuffer(4096), 0
    step = data[0] % 7 + 1 if data else 1
    try:
        for begin in range(0, len(data), step):
            buffer.feed(data[begin : begin + step])
            while (payload := buffer.take()) is not None:
                assert 0 < len(payload) <= 4096
            assert len(buffer) <= 4096 + 3 + step
    except RemoteProtocolError as error:
        assert error.reason  # noqa: PT017


def _listen(side: Side, state: State, data: bytes) -> None:
    connection = Connection(side)
    connection.step = STEPS[state, side]
    try:
        connection.receive_data(data)
        while connection.next_event() is not NEED_DATA:
            pass
    except RemoteProtocolError as error:
        assert len(error.reason.encode("utf-8", "replace")) <= wire_limits.REASON_BYTES_MAX  # noqa: PT017


def server_first_frame(data: bytes) -> None:
    _listen(Side.SERVER, State.NEW, data)


def server_frames(data: bytes) -> None:
    _listen(Side.SERVER, State.OPEN, data)


def client_frames(data: bytes) -> None:
    _listen(Side.CLIENT, State.OPEN, data)


def bodies(data: bytes) -> None:
    try:
        value = unpack(data)
    except ValueError:
        return
    read_body(value)
    try:
        body_from_value(value)
    except ValueError as error:
        assert len(str(error)) < 4096  # noqa: PT017


def entries(data: bytes) -> None:
    kind = data[0] % 14 if data else 0
    entry = Entry(kind, 1, "alice", 1, 1, data[1:] or b"\xc0")
    with suppress(ValueError):
        read_entry(entry)


def event_codec(data: bytes) -> None:
    try:
        value = unpack(data)
        context = EventContext()
        for entry in decode_entries(value, context):
            with suppress(ValueError):
                read_entry(entry)
    except ValueError:
        pass


def pages_and_questions(data: bytes) -> None:
    try:
        value = unpack(data)
    except ValueError:
        return
    for kind in (HistoryPage, ConversationsPage, MembersPage):
        with suppress(ValueError):
            kind.from_value(value)
    for op in range(9):
        with suppress(ValueError):
            question_from(op, value if isinstance(value, list) else [value])
