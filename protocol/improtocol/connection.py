"""One connection as seen from one end, without any I/O: bytes in, next event, event to bytes.

The same class serves both ends, as in h11. It knows the framing, the table of states, the truncated counters
and what both ends remember of the frame before (last conversation, last entry), and nothing of sessions,
users or logs.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from improtocol import frames, limits
from improtocol.codes import Code
from improtocol.commands import ConversationRef, action_from_values, action_to_values
from improtocol.entries import Entry
from improtocol.errors import LocalProtocolError, RemoteProtocolError
from improtocol.event_codec import EventContext, array_header, decode_entries, pack_int
from improtocol.frames import Frame, Opcode
from improtocol.framing import FrameBuffer, frame_bytes
from improtocol.layouts import FRAME_TYPES, plain_from_values, plain_to_values, read_head
from improtocol.state import TRANSITIONS, Side, State
from improtocol.values import Value, pack

_COUNTER_MODULUS: Final = 1 << limits.COUNTER_WIRE_BITS
_COUNTER_MASK: Final = _COUNTER_MODULUS - 1


class NeedData(Enum):
    """No whole frame is there; feed more bytes."""

    NEED_DATA = auto()


NEED_DATA: Final = NeedData.NEED_DATA


def expand_counter(low_bits: int, near: int) -> int:
    """The counter with these low bits that lies nearest to `near`, and is at least 1."""
    counter = near - _COUNTER_MODULUS // 2 + (low_bits - (near - _COUNTER_MODULUS // 2)) % _COUNTER_MODULUS
    return counter if counter >= 1 else counter + _COUNTER_MODULUS


class Connection:
    """One end of a connection.

    `receive_data` takes bytes as they come; `next_event` gives one frame after the other, or `NEED_DATA`;
    `send` turns a frame into bytes. After `RemoteProtocolError`, or once `state` is CLOSED, the connection is
    of no more use.

    Args:
        side: which end this is.
    """

    __slots__ = ("_buffer", "_command_conversation", "_context", "_counter", "side", "state")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.state = State.NEW
        server = side is Side.SERVER
        self._buffer = FrameBuffer(limits.FRAME_BYTES_PREAUTH_MAX if server else limits.FRAME_BYTES_MAX)
        self._context: EventContext | None = (
            None  # made by the first entry: an idle connection must stay small
        )
        self._command_conversation: ConversationRef | None = None
        self._counter = 0  # client: of the last result; server: of the last command

    @property
    def buffered_bytes(self) -> int:
        """Bytes received that are not yet a whole frame."""
        return len(self._buffer)

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the transport."""
        self._buffer.feed(data)

    def next_event(self) -> Frame | NeedData:
        """The next frame of the peer, or `NEED_DATA`.

        Raises:
            RemoteProtocolError: the peer broke the protocol; answer with CLOSE and hang up.
        """
        if self.state is State.CLOSED:
            return NEED_DATA
        payload = self._buffer.take()
        if payload is None:
            return NEED_DATA
        opcode, values = read_head(payload)
        frame_type = FRAME_TYPES.get(opcode)
        following = None if frame_type is None else TRANSITIONS[self.state].get((self.side.peer, frame_type))
        if following is None:
            name = Opcode(opcode).name if frame_type else f"opcode {opcode}"
            raise RemoteProtocolError(f"{name} is not allowed in state {self.state.name}")
        try:
            frame = self._read(opcode, values)
        except RemoteProtocolError:
            raise
        except (ValueError, TypeError) as error:
            raise RemoteProtocolError(
                f"{Opcode(opcode).name}: {error}"[: limits.REASON_BYTES_MAX // 4]
            ) from None
        self._move(following, frame)
        return frame

    def send(self, frame: Frame) -> bytes:
        """The bytes of `frame`, and the step it means for this connection.

        Raises:
            LocalProtocolError: the frame is not allowed in this state, or too large.
        """
        following = TRANSITIONS[self.state].get((self.side, type(frame)))
        if following is None:
            raise LocalProtocolError(f"{type(frame).__name__} is not allowed in state {self.state.name}")
        data = frame_bytes(self._write(frame))
        self._move(following, frame)
        return data

    def send_events(self, start: int, end: int, entries: Sequence[Entry]) -> bytes:
        """The bytes of EVENTS `(start, end]`: `send(Events(...))` for entries that are known to be right."""
        if self.state is not State.OPEN or self.side is not Side.SERVER:
            raise LocalProtocolError(f"Events is not allowed in state {self.state.name}")
        return frame_bytes(self._write_events(start, end, entries))

    # Reading ---------------------------------------------------------------------------------------

    def _read(self, opcode: int, values: list[Value]) -> Frame:
        if opcode == Opcode.COMMAND:
            return self._read_command(values)
        if opcode == Opcode.EVENTS:
            return self._read_events(values)
        if opcode == Opcode.RESULT:
            return self._read_result(values)
        if opcode == Opcode.QUERY:
            _need(values, 2)
            return frames.Query(id=values[0], op=values[1], arguments=tuple(values[2:]))  # type: ignore[arg-type]
        if opcode == Opcode.REPLY:
            _need(values, 2)
            reply_id, payload, code, reason, retry_after_ms = (*values, *(0, "", 0)[len(values) - 2 :])[:5]
            return frames.Reply(
                id=reply_id,  # type: ignore[arg-type]
                payload=pack(payload),
                code=code,  # type: ignore[arg-type]
                reason=reason,  # type: ignore[arg-type]
                retry_after_ms=retry_after_ms,  # type: ignore[arg-type]
            )
        return plain_from_values(opcode, values)

    def _read_command(self, values: list[Value]) -> Frame:
        counter = self._expand(values)
        action = action_from_values(values[1:], self._command_conversation)
        if (conversation := getattr(action, "conversation", None)) is not None:
            self._command_conversation = conversation
        self._counter = counter
        return frames.Command(counter=counter, action=action)

    def _read_result(self, values: list[Value]) -> Frame:
        counter = self._expand(values)
        _need(values, 3)
        value, difference, code, retry_after_ms, reason = (
            *values[1:],
            *(0, 0, "")[max(0, len(values) - 3) :],
        )[:5]
        # A refusal has no time of its own; both ends leave their context alone.
        at_ms = 0 if code else self._event_context().decode_time(difference)
        self._counter = counter
        return frames.Result(
            counter=counter,
            value=value,  # type: ignore[arg-type]
            at_ms=at_ms,
            code=code,  # type: ignore[arg-type]
            retry_after_ms=retry_after_ms,  # type: ignore[arg-type]
            reason=reason,  # type: ignore[arg-type]
        )

    def _read_events(self, values: list[Value]) -> Frame:
        _need(values, 2)
        start = values[0]
        entries = decode_entries(values[1], self._event_context())
        end = values[2] if len(values) > 2 else start + len(entries)  # type: ignore[operator]
        return frames.Events(start=start, end=end, entries=entries)  # type: ignore[arg-type]

    def _expand(self, values: list[Value]) -> int:
        low_bits = values[0] if values else None
        if type(low_bits) is not int or not 0 <= low_bits <= _COUNTER_MASK:
            raise ValueError(f"a counter travels as {limits.COUNTER_WIRE_BITS} bits")
        return expand_counter(low_bits, self._counter + 1)

    # Writing ---------------------------------------------------------------------------------------

    def _write(self, frame: Frame) -> bytes:
        match frame:
            case frames.Command():
                return self._write_command(frame)
            case frames.Result():
                self._counter = frame.counter
                low_bits = frame.counter & _COUNTER_MASK
                if frame.code:
                    return pack(
                        [13, low_bits, frame.value, 0, frame.code, frame.retry_after_ms, frame.reason]
                    )
                return pack([13, low_bits, frame.value, self._event_context().encode_time(frame.at_ms)])
            case frames.Events():
                return self._write_events(frame.start, frame.end, frame.entries)
            case frames.Query():
                return pack([int(Opcode.QUERY), frame.id, frame.op, *frame.arguments])
            case frames.Reply():
                if frame.code:
                    return pack([15, frame.id, None, frame.code, frame.reason, frame.retry_after_ms])
                return b"".join((b"\x93\x0f", pack_int(frame.id), frame.payload))
            case _:
                return pack(plain_to_values(frame))

    def _write_command(self, frame: frames.Command) -> bytes:
        values = action_to_values(frame.action)
        if (conversation := getattr(frame.action, "conversation", None)) is not None:
            if conversation == self._command_conversation:
                values.pop()
            self._command_conversation = conversation
        return pack([int(Opcode.COMMAND), frame.counter & _COUNTER_MASK, *values])

    def _write_events(self, start: int, end: int, entries: Sequence[Entry]) -> bytes:
        encode = self._event_context().encode
        count = len(entries)
        parts = [b"\x93\x0e" if end - start == count else b"\x94\x0e", pack_int(start), array_header(count)]
        parts += [encode(entry) for entry in entries]
        if end - start != count:
            parts.append(pack_int(end))
        return b"".join(parts)

    # Steps -----------------------------------------------------------------------------------------

    def _move(self, following: State, frame: Frame) -> None:
        if following is self.state:
            return
        self.state = following
        match frame:
            case frames.Resume():
                self._counter = frame.next - 1
            case frames.Connected():
                self._counter = frame.accepted
                self._buffer.bytes_max = limits.FRAME_BYTES_MAX
            case frames.Resumed():
                self._buffer.bytes_max = limits.FRAME_BYTES_MAX
            case _:
                pass

    def _event_context(self) -> EventContext:
        if self._context is None:
            self._context = EventContext()
        return self._context


def _need(values: list[Value], count: int) -> None:
    if len(values) < count:
        raise ValueError(f"needs at least {count} fields, has {len(values)}")


def close_for(error: RemoteProtocolError | LocalProtocolError) -> frames.Close:
    """The CLOSE that answers a protocol error."""
    return frames.Close(code=Code(error.code), reason=error.reason[: limits.REASON_BYTES_MAX // 4])
