"""WebSocket framing (RFC 6455) by the sans-IO layer of `websockets`.

Binary messages are a byte pipe for frames.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from websockets.exceptions import InvalidState, ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from improtocol.limits import FRAME_BYTES_MAX

_MESSAGE_BYTES: Final = 64 * 1024
#: A message holds a whole frame of the largest kind, its length included, or a few.
_RECEIVED_MESSAGE_BYTES_MAX: Final = 2 * FRAME_BYTES_MAX
#: Pings, pongs and empty frames among the bytes of one read: each takes its sender six bytes, costs 3 to 5 us
#: and says nothing. Those of a peer whose network was away for a while come together.
_EMPTY_FRAMES_MAX: Final = 64
SUBPROTOCOL: Final = Subprotocol("im1")

# The library would log peers' mistakes, with what they sent; nobody needs that, and it is not ours to keep.
_SILENT: Final = logging.getLogger("imserver.gateway.websocket")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class _Protocol(ServerProtocol):
    """`websockets`, which takes a Close between the fragments of a message for a mistake (answers 1002).

    RFC 6455, 5.4, lets control frames stand there, and Autobahn's case 7.1.5 expects the Close to be echoed.
    It would also answer pings for as long as they come.
    """

    empty_frames = 0

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None  # of the message that will never be whole
        elif not frame.data or frame.opcode in (Opcode.PING, Opcode.PONG):
            self.empty_frames += 1
            if self.empty_frames > _EMPTY_FRAMES_MAX:
                raise ProtocolError("too many frames without content")
        super().recv_frame(frame)


class WebSocketCodec:
    """One server-side WebSocket: bytes of the transport in, bytes of the pipe out, and back."""

    __slots__ = ("_protocol", "closed")

    def __init__(self) -> None:
        self._protocol = _Protocol(
            max_size=_RECEIVED_MESSAGE_BYTES_MAX, logger=_SILENT, select_subprotocol=_select_subprotocol
        )
        #: The peer, or a mistake of its, has ended the WebSocket; what is left is to write `to_send` and
        #: hang up.
        self.closed = False

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the transport; returns the payload of the binary messages in them."""
        if self._protocol.empty_frames:
            self._protocol.empty_frames = 0
        self._protocol.receive_data(data)
        payload: list[bytes] = []
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                if self._protocol.eof_sent:
                    # What came behind the request, before its answer, is no frame: the library has given up
                    # already, and would fall over an answer.
                    self.closed = True
                    break
                response = self._protocol.accept(event)
                if response.status_code != 101:
                    response.headers["Sec-WebSocket-Version"] = "13"  # RFC 6455, 4.2.2: which we understand
                    self.closed = True
                self._protocol.send_response(response)
                # The parser keeps the request as long as the connection lives: 2.2 KiB, half of an idle one.
                event.headers.clear()
            elif isinstance(event, Frame):
                self._take(event, payload)
        if self._protocol.close_expected():
            self.closed = True
        return payload[0] if len(payload) == 1 else b"".join(payload)

    def _take(self, frame: Frame, payload: list[bytes]) -> None:
        if frame.opcode in (Opcode.BINARY, Opcode.CONT):
            payload.append(bytes(frame.data))
        elif frame.opcode is Opcode.TEXT:
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "frames travel in binary messages")
            self.closed = True

    def encode(self, data: bytes) -> bytes:
        """`data` as one binary message, with whatever the protocol itself has to say before it."""
        try:
            # In pieces: clients bound a message (trio-websocket at 1 MiB), and its borders mean nothing here.
            for begin in range(0, len(data), _MESSAGE_BYTES):
                self._protocol.send_binary(data[begin : begin + _MESSAGE_BYTES])
        except (InvalidState, ProtocolError):
            self.closed = (
                True  # the handshake was refused, or the peer has closed: nobody reads this any more
            )
        return self.to_send()

    def close(self) -> bytes:
        """The WebSocket's own goodbye."""
        with suppress(InvalidState, ProtocolError):
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
        return self.to_send()

    def to_send(self) -> bytes:
        """What the protocol itself has to say: the handshake's answer, pongs, closes."""
        return b"".join(self._protocol.data_to_send())


def _select_subprotocol(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Ours if the client offers it; clients that offer none get none."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None
