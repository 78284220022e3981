"""The floor: an asyncio relay that keeps nothing but a list for those who are away, in memory.

A frame is its length (one byte), a kind (one byte) and the rest. `H name` answers `h`; `M id to NUL body`
answers `a id` at once, and the recipient gets `D body`; `P` answers `p`. Run: `python relay_server.py PORT`.
"""

import asyncio
import sys
from typing import ClassVar


class Relay(asyncio.Protocol):
    """One connection."""

    connected: ClassVar[dict[bytes, "Relay"]] = {}
    away: ClassVar[dict[bytes, list[bytes]]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        self.name = b""

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self.connected.get(self.name) is self:
            del self.connected[self.name]

    def data_received(self, data: bytes) -> None:
        data = self.buffer + data
        at = 0
        answers = []
        while at < len(data) and at + 1 + data[at] <= len(data):
            frame = data[at + 1 : at + 1 + data[at]]
            at += 1 + data[at]
            if frame[:1] == b"M":
                to, _, body = frame[3:].partition(b"\0")
                self.post(to, bytes((1 + len(body),)) + b"D" + body)
                answers.append(b"\x03a" + frame[1:3])
            elif frame[:1] == b"H":
                self.name = frame[1:].partition(b"\0")[0]
                self.connected[self.name] = self
                answers += [b"\x01h", *self.away.pop(self.name, [])]
            else:
                answers.append(b"\x01p")
        self.buffer = data[at:]
        if answers:
            self.transport.write(b"".join(answers))

    def post(self, to: bytes, frame: bytes) -> None:
        """Give a frame to whoever is there, or keep it for later."""
        peer = self.connected.get(to)
        if peer is None:
            self.away.setdefault(to, []).append(frame)
        else:
            peer.transport.write(frame)


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(
        Relay, "127.0.0.1", int(sys.argv[1]), backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
