"""The network between an app and the server: a relay on loopback that goes bad in all ways a phone's does."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import trio

__all__ = ["Direction", "Link"]

HOST: Final = "127.0.0.1"
_CHUNK_BYTES: Final = 16 * 1024
#: Connections at a time. Two apps have a handful; more means that one of them runs wild.
_FLOWS_MAX: Final = 256


class Direction(Enum):
    """Which way bytes go, seen from the phone."""

    UP = "up"
    DOWN = "down"


@dataclass(eq=False, slots=True)
class _Flow:
    """One connection of the app and its counterpart towards the server."""

    service: str
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    stranded: trio.Event = field(default_factory=trio.Event)


class Link:
    """An access network; everything that passes it meets the same conditions, uploads included.

    - `hold` and `release`: an outage. Bytes wait, connections stay; it ends when every reason is released.
    - `strand`: what is connected now goes silent for good and nobody is told (a lift, a forgotten NAT entry):
      both sockets stay open. `roam` is that, and from then on another source address.
    - `reset`: what is connected now breaks at once on both sides.

    Conditions are changed synchronously, so an order of changes is an order on the wire. Bytes are counted by
    service and direction when they have been handed on.
    """

    def __init__(self, *, latency_s: float = 0.0, on_fenced: Callable[[str], None] | None = None) -> None:
        """A link that works.

        Args:
            latency_s: one way, for every chunk.
            on_fenced: told the service when the server has hung up a stranded connection.
        """
        self.address = HOST
        self.latency_s = latency_s
        self.bytes_passed: Counter[tuple[str, Direction]] = Counter()
        self.flows_opened = 0
        self._on_fenced = on_fenced
        self._flows: set[_Flow] = set()
        self._held: dict[Direction, set[str]] = {Direction.UP: set(), Direction.DOWN: set()}
        self._changed = trio.Event()

    # Conditions -------------------------------------------------------------------------------------

    @property
    def held(self) -> frozenset[str]:
        """The reasons why bytes wait, in either direction."""
        return frozenset(self._held[Direction.UP] | self._held[Direction.DOWN])

    def hold(self, reason: str, *directions: Direction) -> None:
        """Let bytes wait in `directions` (both when none is named) until the same `reason` is released."""
        for direction in directions or tuple(Direction):
            self._held[direction].add(reason)

    def release(self, reason: str, *directions: Direction) -> None:
        """End what `hold` began."""
        for direction in directions or tuple(Direction):
            self._held[direction].discard(reason)
        self._announce()

    def strand(self) -> int:
        """Silence every present connection for good; returns how many."""
        fresh = [flow for flow in self._flows if not flow.stranded.is_set()]
        for flow in fresh:
            flow.stranded.set()
        self._announce()
        return len(fresh)

    def roam(self, address: str) -> int:
        """Strand what there is; later connections come from `address`. Returns how many were stranded."""
        self.address = address
        return self.strand()

    def reset(self) -> int:
        """Break every present connection; returns how many."""
        for flow in self._flows:
            flow.scope.cancel()
        return len(self._flows)

    def _announce(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # Relaying ---------------------------------------------------------------------------------------

    async def serve(
        self,
        service: str,
        target: Callable[[], int],
        *,
        task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Relay connections for `service` to the port that `target` names, until cancelled.

        `task_status.started` gets the port to connect to.
        """
        listener = (await trio.open_tcp_listeners(0, host=HOST))[0]
        async with trio.open_nursery() as nursery:
            task_status.started(listener.socket.getsockname()[1])

            async def relay(stream: trio.SocketStream) -> None:
                await self._relay(service, target, stream)

            await trio.serve_listeners(relay, [listener], handler_nursery=nursery)

    async def _relay(self, service: str, target: Callable[[], int], app: trio.SocketStream) -> None:
        if len(self._flows) >= _FLOWS_MAX:
            await trio.aclose_forcefully(app)
            return
        flow = _Flow(service)
        self._flows.add(flow)
        self.flows_opened += 1
        try:
            with flow.scope:
                await self._pass(flow, Direction.UP)
                server = await self._connect(target())
                async with server, trio.open_nursery() as nursery:
                    nursery.start_soon(self._pump, flow, Direction.UP, app, server)
                    nursery.start_soon(self._pump, flow, Direction.DOWN, server, app)
        except OSError:
            pass  # nobody listens: the app sees a connection that ends at once
        finally:
            self._flows.discard(flow)
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(app)

    async def _connect(self, port: int) -> trio.SocketStream:
        try:
            return await trio.open_tcp_stream(HOST, port, local_address=self.address)
        except OSError:
            if self.address == HOST:
                raise
            # Only Linux has all of 127.0.0.0/8; elsewhere a new port has to do for a new address.
            return await trio.open_tcp_stream(HOST, port)

    async def _pump(
        self, flow: _Flow, direction: Direction, source: trio.SocketStream, sink: trio.SocketStream
    ) -> None:
        while True:
            data = await _receive(source)
            if data and self.latency_s:
                await trio.sleep(self.latency_s)
            await self._pass(flow, direction)
            if flow.stranded.is_set():
                if data:
                    continue  # lost on the air
                if direction is Direction.DOWN and self._on_fenced is not None:
                    self._on_fenced(flow.service)
                return  # whoever closed its socket: the other side never hears of it
            if not data or not await _send(sink, data):
                flow.scope.cancel()
                return
            self.bytes_passed[flow.service, direction] += len(data)

    async def _pass(self, flow: _Flow, direction: Direction) -> None:
        """Wait until bytes of `flow` may pass, or it is stranded and they need not."""
        while self._held[direction] and not flow.stranded.is_set():
            await self._changed.wait()


async def _receive(stream: trio.SocketStream) -> bytes:
    try:
        return bytes(await stream.receive_some(_CHUNK_BYTES))
    except trio.BrokenResourceError:
        return b""


async def _send(stream: trio.SocketStream, data: bytes) -> bool:
    try:
        await stream.send_all(data)
    except trio.BrokenResourceError:
        return False
    return True
