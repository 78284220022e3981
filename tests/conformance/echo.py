"""An echo server around the gateway's WebSocket codec, for Autobahn's fuzzing client.

Our listener carries a byte pipe in binary messages and refuses text, so it echoes nothing; the test suite
wants echoes. Everything the RFC says of frames is left to the very codec that the gateway uses; only what a
message is, and whether its text is UTF-8, is added here.

    python -m tests.conformance.echo [PORT]
"""

import sys
from codecs import IncrementalDecoder, getincrementaldecoder
from contextlib import suppress

import trio
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode

from imserver.gateway.websocket import WebSocketCodec

_MESSAGE_BYTES_MAX = 32 * 1024 * 1024  # Autobahn's cases 9.* go up to 16 MiB


class EchoCodec(WebSocketCodec):
    """The gateway's codec, with messages sent back as they came."""

    __slots__ = ("_decoder", "_kind", "_parts")

    def __init__(self) -> None:
        super().__init__()
        self._protocol.max_message_size = _MESSAGE_BYTES_MAX
        self._protocol.max_fragment_size = _MESSAGE_BYTES_MAX
        self._kind = Opcode.BINARY
        self._parts: list[bytes] = []
        self._decoder: IncrementalDecoder | None = None

    def _take(self, frame: Frame, payload: list[bytes]) -> None:
        if self.closed:
            return
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._kind, self._parts = frame.opcode, []
            self._decoder = getincrementaldecoder("utf-8")() if frame.opcode is Opcode.TEXT else None
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        data = bytes(frame.data)
        try:
            if self._decoder is not None:
                self._decoder.decode(data, frame.fin)
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA, "text that is no UTF-8")
            return
        self._parts.append(data)
        if frame.fin:
            whole = b"".join(self._parts)
            # A mistake behind the message, in the same read, has ended the connection already.
            with suppress(InvalidState):
                if self._kind is Opcode.TEXT:
                    self._protocol.send_text(whole)
                else:
                    self._protocol.send_binary(whole)


async def serve(stream: trio.SocketStream) -> None:
    """Echo until either side ends."""
    codec = EchoCodec()
    async with stream:
        try:
            while data := await stream.receive_some(65536):
                codec.receive(bytes(data))
                await stream.send_all(codec.to_send())
                if codec.closed:
                    await stream.send_eof()
                    return
        except trio.BrokenResourceError:
            pass


async def main(port: int) -> None:
    """Listen on loopback."""
    await trio.serve_tcp(serve, port, host="127.0.0.1")


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 9001)
