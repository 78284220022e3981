"""The client's side of RFC 6455, as far as messages in single frames go.

Masks are zero: as many bytes, less work for the generator.
"""

from collections.abc import Iterator

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_UPGRADE = """\
GET {path} HTTP/1.1\r
Host: chat.example.com\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Version: 13\r
{protocol}\r
"""


class WebSocket:
    """One connection: bytes in, messages out.

    Args:
        path: of the resource.
        subprotocol: asked for; none when empty.
    """

    def __init__(self, path: str, subprotocol: str = "") -> None:
        protocol = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
        self.hello = _UPGRADE.format(path=path, protocol=protocol).encode()
        self.failed = ""
        self._buffer = b""
        self._up = False

    def begin(self) -> bytes:
        """A new connection is up: what to say."""
        self._buffer = b""
        self._up = False
        self.failed = ""
        return self.hello

    def receive(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Opcodes and payloads of what is complete; the answer to the upgrade is opcode 0."""
        data = self._buffer + data
        at = 0
        if not self._up:
            at = data.find(b"\r\n\r\n") + 4
            if at < 4:
                self._buffer = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                self.failed = data.partition(b"\r\n")[0].decode(errors="replace")
                return
            self._up = True
            yield 0, b""
        while len(data) - at >= 2:
            size, begin = data[at + 1] & 127, at + 2
            if size > 125:
                width = 2 if size == 126 else 8
                begin += width
                size = int.from_bytes(data[at + 2 : begin], "big")
            if len(data) < begin + size:
                break
            yield data[at] & 15, data[begin : begin + size]
            at = begin + size
        self._buffer = data[at:]


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A masked frame of one message."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, 0x80 | size, 0, 0, 0, 0)) + payload
    assert size < 65536
    return bytes((0x80 | opcode, 0xFE, size >> 8, size & 255, 0, 0, 0, 0)) + payload
