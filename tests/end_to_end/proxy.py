"""A TCP proxy on loopback that can cut and freeze what runs through it."""

from collections.abc import Callable
from urllib.parse import urlsplit

import trio


class Proxy:
    """Forwards to `target` (host:port at the time of each connection).

    `cut_after_bytes`: each connection is reset once it has carried so many bytes from the client, as long as
    `cuts_left` lasts. `freeze()`: the present connections carry nothing more, in silence.
    """

    def __init__(self, target: Callable[[], str]) -> None:
        self._target = target
        self.cut_after_bytes = 0
        self.cuts_left = 0
        self.cuts = 0
        self.port = 0
        self._thawed = trio.Event()
        self._thawed.set()
        self._frozen: set[int] = set()
        self._alive: set[int] = set()
        self._next = 0

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, self._serve, listeners)
            task_status.started()

    def freeze(self) -> None:
        self._frozen |= self._alive

    async def _serve(self, client: trio.SocketStream) -> None:
        self._next += 1
        number = self._next
        self._alive.add(number)
        parts = urlsplit(self._target())
        assert parts.hostname is not None
        assert parts.port is not None
        try:
            server = await trio.open_tcp_stream(parts.hostname, parts.port)
        except OSError:
            await client.aclose()
            return
        try:
            async with client, server, trio.open_nursery() as nursery:
                nursery.start_soon(self._carry, client, server, number, nursery.cancel_scope, True)
                nursery.start_soon(self._carry, server, client, number, nursery.cancel_scope, False)
        finally:
            self._alive.discard(number)

    async def _carry(
        self,
        source: trio.SocketStream,
        target: trio.SocketStream,
        number: int,
        scope: trio.CancelScope,
        up: bool,
    ) -> None:
        carried = 0
        try:
            while data := await source.receive_some(65536):
                if number in self._frozen:
                    await trio.sleep_forever()
                carried += len(data)
                if up and self.cuts_left and self.cut_after_bytes and carried > self.cut_after_bytes:
                    self.cuts_left -= 1
                    self.cuts += 1
                    break
                await target.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        if number in self._frozen:
            await trio.sleep_forever()
        scope.cancel()
