"""The phone's ends: a byte stream and the dialer that makes it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from imserver.sim.pipes import Connection

if TYPE_CHECKING:
    from imserver.sim.network import Network


class SimStream(trio.abc.Stream):
    """The phone's end of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._bell = trio.Event()
        connection.wake_client = self._wake

    def _wake(self) -> None:
        bell, self._bell = self._bell, trio.Event()
        bell.set()

    def _check(self) -> None:
        if self._connection.client_closed:
            raise trio.ClosedResourceError
        if self._connection.client_broken:
            raise trio.BrokenResourceError("reset by peer")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        rest = memoryview(data)
        while rest:
            self._check()
            count = self._connection.up.write(rest)
            if count:
                self._connection.note("say", bytes(rest[:count]))
                rest = rest[count:]
            else:
                await self._bell.wait()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        down = self._connection.down
        while True:
            self._check()
            if down.readable:
                data = down.read(max_bytes or 65536)
                self._connection.note("hear", data)
                return data
            await self._bell.wait()

    async def aclose(self) -> None:
        if not self._connection.client_closed:
            self._connection.client_closed = True
            self._connection.up.finish()
            self._wake()
        await trio.lowlevel.checkpoint()


class SimDialer:
    """A phone's way to the server.

    Args:
        network: where it is tried.
        phone: whose it is.
        alive: False once the process is gone, which can then dial no more.
    """

    def __init__(self, network: "Network", phone: str, alive: Callable[[], bool]) -> None:
        self._network = network
        self._phone = phone
        self._alive = alive

    async def dial(self, url: str) -> SimStream:
        """See `imsdk.dialers.Dialer`."""
        connection = await self._network.dial(self._phone)
        if not self._alive():
            raise OSError("the process is gone")
        return SimStream(connection)
