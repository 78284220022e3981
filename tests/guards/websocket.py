"""A client's WebSocket (RFC 6455) by hand, so that the library's memory is the server's alone."""

from typing import Final

from tests.guards.wire import Half

_HELLO: Final = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
#: With this mask a payload stays as it is.
_NO_MASK: Final = bytes(4)


class WebSocketHalf(Half):
    """The client's end: what is sent goes out in binary messages, what comes is taken out of them."""

    def begin(self) -> None:
        """Ask for the WebSocket."""
        super().send(_HELLO)

    def begun(self) -> None:
        """The answer has come."""
        answer = super().recv(65536)
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        assert answer.endswith(b"\r\n\r\n")

    def send(self, data: bytes) -> int:
        size = len(data)
        assert size < 2**16
        head = bytes([0x82, 0x80 | size]) if size < 126 else b"\x82\xfe" + size.to_bytes(2)
        super().send(head + _NO_MASK + data)
        return size

    def recv(self, size: int) -> bytes:
        data, found = super().recv(size), b""
        while data:
            assert data[0] == 0x82, "a whole binary message"
            begin, length = (2, data[1]) if data[1] < 126 else (4, int.from_bytes(data[2:4]))
            found += data[begin : begin + length]
            data = data[begin + length :]
        return found
