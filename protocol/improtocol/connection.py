"""One connection as seen from one end, without any I/O: bytes in, next event, event to bytes.

The same class serves both ends, as in h11. It knows framing, states, truncated counters and what both ends
remember of the frame before; nothing of sessions, users or logs.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from improtocol import frames, limits
from improtocol.action_codec import action_from_values, action_to_values
from improtocol.closing import close_for
from improtocol.codes import Code
from improtocol.commands import ConversationRef
from improtocol.counters import counter_from_wire, counter_to_wire, expand_counter
from improtocol.entries import Entry
from improtocol.errors import LocalProtocolError, RemoteProtocolError
from improtocol.event_codec import EventContext, Line, array_header, decode_entries, line_of, pack_int
from improtocol.fields import need, trim_fields
from improtocol.frames import Frame, Opcode
from improtocol.framing import NEED_DATA, FrameBuffer, NeedData, frame_bytes
from improtocol.layouts import FRAME_TYPES, plain_from_values, plain_to_values, read_head
from improtocol.state import Side, State
from improtocol.steps import NEW_CLIENT, NEW_SERVER, Step
from improtocol.trusted import trusted
from improtocol.values import Value, pack

__all__ = ["NEED_DATA", "Connection", "NeedData", "close_for", "expand_counter"]


_trusted_command: Final = trusted(frames.Command)


class Connection:
    """One end of a connection.

    `receive_data` takes bytes as they come; `next_event` gives one frame after the other, or `NEED_DATA`;
    `send` turns a frame into bytes. A send that raises has changed nothing. After `RemoteProtocolError`
    nothing more is received, but a CLOSE can be sent; once `state` is CLOSED the connection is of no use.

    Args:
        side: which end this is.
    """

    __slots__ = (
        "_buffer",
        "_command_conversation",
        "_command_counter",
        "_context",
        "_result_counter",
        "step",
    )

    def __init__(self, side: Side) -> None:
        #: Where this end stands.
        self.step = NEW_SERVER if side is Side.SERVER else NEW_CLIENT
        # Only while they hold something, as an idle connection must stay small: what came of a frame that is
        # not whole yet; what both ends remember of the entry before.
        self._buffer: FrameBuffer | None = None
        self._context: EventContext | None = None
        self._command_conversation: ConversationRef | None = None
        self._command_counter = 0  # of the last COMMAND, sent or received
        self._result_counter = 0  # of the last RESULT

    @property
    def side(self) -> Side:
        """Which end this is."""
        return self.step.side

    @property
    def state(self) -> State:
        """See `improtocol.state`."""
        return self.step.state

    @property
    def buffered_bytes(self) -> int:
        """Bytes received that are not yet a whole frame."""
        return 0 if self._buffer is None else len(self._buffer)

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the transport. Those that come after the end are dropped."""
        if not self.step.receivable:
            return
        if (buffer := self._buffer) is None:
            buffer = self._buffer = FrameBuffer(self.step.frame_bytes_max)
        buffer.feed(data)

    def next_event(self) -> Frame | NeedData:
        """The next frame of the peer, or `NEED_DATA`.

        Raises:
            RemoteProtocolError: the peer broke the protocol; answer with CLOSE and hang up.
        """
        if (buffer := self._buffer) is None:
            return NEED_DATA
        try:
            payload = buffer.take()
            if buffer.empty:
                self._buffer = None
            return NEED_DATA if payload is None else self._read(payload)
        except RemoteProtocolError:
            self.step = self.step.deaf()
            self._buffer = None
            raise

    def send(self, frame: Frame) -> bytes:
        """The bytes of `frame`, and the step it means for this connection.

        Raises:
            LocalProtocolError: the frame is not allowed in this state, too large, or cannot be packed.
        """
        following = self.step.sendable.get(type(frame))
        if following is None:
            raise LocalProtocolError(f"{type(frame).__name__} is not allowed in state {self.state.name}")
        writer = _WRITERS.get(type(frame))
        try:
            data = frame_bytes(pack(plain_to_values(frame))) if writer is None else writer(self, frame)
        except (ValueError, TypeError, OverflowError) as error:
            raise LocalProtocolError(f"{type(frame).__name__}: {error}", Code.INVALID) from error
        if following.state is not self.step.state:
            self._move(following, frame)
        return data

    def send_result(self, counter: int, value: int, at_ms: int) -> bytes:
        """The bytes of a RESULT that is OK: `send(Result(...))` for known figures, at a quarter."""
        if frames.Result not in self.step.sendable:
            raise LocalProtocolError(f"Result is not allowed in state {self.state.name}")
        wire = counter_to_wire(counter, self._result_counter)
        self._result_counter = counter
        difference = self._event_context().encode_time(at_ms)
        return frame_bytes(b"\x94\x0d" + pack_int(wire) + pack_int(value) + pack_int(difference))

    def send_events(self, start: int, end: int, entries: Sequence[Entry]) -> bytes:
        """The bytes of EVENTS `(start, end]`: `send(Events(...))` without a frame. Raises as `send_lines`."""
        return self.send_lines(start, end, [line_of(entry) for entry in entries])

    def send_lines(self, start: int, end: int, lines: Sequence[Line]) -> bytes:
        """The bytes of EVENTS `(start, end]`: `send(Events(...))` for entries that are known to be right.

        Raises:
            LocalProtocolError: the state does not allow it, or the entries do not fit a frame.
        """
        if frames.Events not in self.step.sendable:
            raise LocalProtocolError(f"Events is not allowed in state {self.state.name}")
        context = self._event_context()
        before = context.at_ms, context.sender, context.conversation, context.seq
        count = len(lines)
        whole = end - start == count
        parts = [b"\x93\x0e" if whole else b"\x94\x0e", pack_int(start), array_header(count)]
        for line in lines:
            parts.append(context.encode(line))  # noqa: PERF401 - compiled, the loop is the cheaper one
        if not whole:
            parts.append(pack_int(end))
        try:
            return frame_bytes(b"".join(parts))
        except LocalProtocolError:
            context.at_ms, context.sender, context.conversation, context.seq = before
            raise

    # Reading ---------------------------------------------------------------------------------------

    def _read(self, payload: bytes) -> Frame:
        opcode, values = read_head(payload, self.step.values_max)
        following = self.step.receivable.get(opcode)
        if following is None:
            if opcode not in FRAME_TYPES:
                raise RemoteProtocolError(f"opcode {opcode} is unknown")
            raise RemoteProtocolError(f"{Opcode(opcode).name} is not allowed in state {self.state.name}")
        reader = _READERS.get(opcode)
        try:
            frame = plain_from_values(opcode, values) if reader is None else reader(self, values)
        except (ValueError, TypeError) as error:
            reason = f"{Opcode(opcode).name}: {error}"[: limits.REASON_BYTES_MAX // 4]
            raise RemoteProtocolError(reason) from None
        if following.state is not self.step.state:
            self._move(following, frame)
        return frame

    def _read_command(self, values: list[Value]) -> Frame:
        counter = counter_from_wire(values[0] if values else None, self._command_counter)
        action = action_from_values(values[1:], self._command_conversation)
        if (conversation := getattr(action, "conversation", None)) is not None:
            self._command_conversation = conversation
        self._command_counter = counter
        return _trusted_command(counter, action)

    def _read_result(self, values: list[Value]) -> Frame:
        counter = counter_from_wire(values[0] if values else None, self._result_counter)
        need(values, 3)
        value, difference, code, retry_after_ms, reason = (*values[1:], *(0, 0, "")[len(values) - 3 :])[:5]
        at_ms = 0  # a refusal has no time of its own; both ends leave their context alone
        if not code:
            at_ms = self._event_context().decode_time(difference)
            retry_after_ms, reason = 0, ""
        self._result_counter = counter
        return frames.Result(
            counter=counter,
            value=value,  # type: ignore[arg-type]
            at_ms=at_ms,
            code=code,  # type: ignore[arg-type]
            retry_after_ms=retry_after_ms,  # type: ignore[arg-type]
            reason=reason,  # type: ignore[arg-type]
        )

    def _read_events(self, values: list[Value]) -> Frame:
        need(values, 2)
        start = values[0]
        entries = decode_entries(values[1], self._event_context())
        end = values[2] if len(values) > 2 else start + len(entries)  # type: ignore[operator]
        return frames.Events(start=start, end=end, entries=entries)  # type: ignore[arg-type]

    def _read_query(self, values: list[Value]) -> Frame:
        need(values, 2)
        return frames.Query(id=values[0], op=values[1], arguments=tuple(values[2:]))  # type: ignore[arg-type]

    def _read_reply(self, values: list[Value]) -> Frame:
        need(values, 2)
        reply_id, payload, code, reason, retry_after_ms = (*values, *(0, "", 0)[len(values) - 2 :])[:5]
        return frames.Reply(
            id=reply_id,  # type: ignore[arg-type]
            payload=pack(payload),
            code=code,  # type: ignore[arg-type]
            reason=reason,  # type: ignore[arg-type]
            retry_after_ms=retry_after_ms,  # type: ignore[arg-type]
        )

    # Writing ---------------------------------------------------------------------------------------

    def _write_command(self, frame: frames.Command) -> bytes:
        values = action_to_values(frame.action)
        conversation: ConversationRef | None = getattr(frame.action, "conversation", None)
        if conversation is not None and conversation == self._command_conversation:
            values.pop()
        counter = counter_to_wire(frame.counter, self._command_counter)
        data = frame_bytes(pack([3, counter, *values]))
        # Only now: a command that was too large was never sent, and the next one must not lean on it.
        self._command_counter = frame.counter
        if conversation is not None:
            self._command_conversation = conversation
        return data

    def _write_result(self, frame: frames.Result) -> bytes:
        if not frame.code:
            return self.send_result(frame.counter, frame.value, frame.at_ms)
        counter = counter_to_wire(frame.counter, self._result_counter)
        self._result_counter = frame.counter
        values: list[Value] = [13, counter, frame.value, 0, frame.code, frame.retry_after_ms, frame.reason]
        return frame_bytes(pack(trim_fields(values, [0, ""])))

    def _write_events(self, frame: frames.Events) -> bytes:
        return self.send_events(frame.start, frame.end, frame.entries)

    def _write_query(self, frame: frames.Query) -> bytes:
        return frame_bytes(pack([5, frame.id, frame.op, *frame.arguments]))

    def _write_reply(self, frame: frames.Reply) -> bytes:
        if not frame.code:
            return frame_bytes(b"".join((b"\x93\x0f", pack_int(frame.id), frame.payload)))
        said: list[Value] = [15, frame.id, None, frame.code, frame.reason, frame.retry_after_ms]
        return frame_bytes(pack(trim_fields(said, ["", 0])))

    # Steps -----------------------------------------------------------------------------------------

    def _move(self, step: Step, frame: Frame) -> None:
        self.step = step
        if not step.receivable:
            self._buffer = None
        elif self._buffer is not None:
            self._buffer.bytes_max = step.frame_bytes_max
        if isinstance(frame, frames.Resume):
            self._command_counter = self._result_counter = frame.next - 1
        elif isinstance(frame, frames.Connected):
            self._command_counter = self._result_counter = frame.accepted

    def _event_context(self) -> EventContext:
        if (context := self._context) is None:
            context = self._context = EventContext()
        return context


# ruff: noqa: SLF001 - of the class above; mypyc has no tables of methods in a class's body
#: The frames that are more than a row of fields; `layouts` has all others.
_READERS: Final[dict[int, Callable[[Connection, list[Value]], Frame]]] = {
    Opcode.COMMAND: Connection._read_command,
    Opcode.QUERY: Connection._read_query,
    Opcode.RESULT: Connection._read_result,
    Opcode.EVENTS: Connection._read_events,
    Opcode.REPLY: Connection._read_reply,
}
_WRITERS: Final[dict[type[Frame], Callable[[Connection, Any], bytes]]] = {
    frames.Command: Connection._write_command,
    frames.Query: Connection._write_query,
    frames.Result: Connection._write_result,
    frames.Events: Connection._write_events,
    frames.Reply: Connection._write_reply,
}
