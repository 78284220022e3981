"""The in-memory network: byte streams whose far end is a plain object, with faults at chosen bytes.

What a client sends is handed to the server at once, inside `send_all`; there are no tasks, no threads and no
time of its own, so a test under trio's autojump clock runs the same way every time.
"""

from collections.abc import Callable
from typing import Protocol

import trio


class FarEnd(Protocol):
    """Who takes the bytes of a wire."""

    def receive(self, data: bytes) -> None:
        """Bytes from the client."""
        ...

    def lost(self) -> None:
        """The wire is gone. Called once, not for a silent one."""
        ...


class Wire(trio.abc.Stream):
    """The client's end of one in-memory connection. Carries bytes until somebody closes or cuts it.

    Args:
        allow: told before bytes pass in either direction; returns how many of them do. After fewer, the wire
            is cut.
    """

    def __init__(self, allow: Callable[[int], int]) -> None:
        self._allow = allow
        self._far: FarEnd | None = None
        self._inbox = bytearray()
        self._arrived = trio.lowlevel.ParkingLot()
        self._ended = False  # the far end said goodbye
        self._broken = False
        self._closed = False
        #: Nothing passes any more and neither end notices: a half-open connection.
        self.silent = False

    def attach(self, far: FarEnd) -> None:
        """Connect the far end."""
        self._far = far

    # The client's side -----------------------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand `data` to the far end."""
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError("this end is closed")
        if self.silent:
            return
        if self._broken or self._ended:
            raise trio.BrokenResourceError("the connection is gone")
        passing = self._allow(len(data))
        if passing and self._far is not None:
            self._far.receive(bytes(data[:passing]))
        if passing < len(data):
            self.cut()

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: sending never blocks."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes of the far end; b"" once it said goodbye."""
        await trio.lowlevel.checkpoint()
        while not self._inbox:
            if self._closed:
                raise trio.ClosedResourceError("this end is closed")
            if not self.silent:
                if self._broken:
                    raise trio.BrokenResourceError("the connection was cut")
                if self._ended:
                    return b""
            await self._arrived.park()
        data = bytes(self._inbox[:max_bytes])
        del self._inbox[: len(data)]
        return data

    async def aclose(self) -> None:
        """Close this end; the far end notices, unless the wire is silent."""
        if not self._closed:
            self._closed = True
            self._inbox.clear()
            self._arrived.unpark_all()
            if not self.silent:
                self._lose()
        await trio.lowlevel.checkpoint()

    # The far end's side ----------------------------------------------------------------------------

    def deliver(self, data: bytes) -> None:
        """Bytes for the client."""
        if self._closed or self._broken or self._ended or self.silent:
            return
        passing = self._allow(len(data))
        self._inbox += data[:passing]
        self._arrived.unpark_all()
        if passing < len(data):
            self.cut()

    def end(self) -> None:
        """The far end closes: what it delivered can still be read, then comes the end of the stream."""
        self._ended = True
        self._far = None
        self._arrived.unpark_all()

    def cut(self) -> None:
        """Break the connection: what has arrived can still be read, then both ends see an error."""
        if not (self._broken or self._closed):
            self._broken = True
            self._arrived.unpark_all()
            self._lose()

    def _lose(self) -> None:
        far, self._far = self._far, None
        if far is not None:
            far.lost()
