"""The pump: one task, one poller, any number of connections.

`bytes in -> frames -> core -> bytes out`, all synchronous. Measured on two shared cores, an echo through a
relay costs 7 us of CPU this way, 25-30 us with a task and a `trio.SocketStream` per connection, and an idle
connection a tenth of the memory.
"""

import _socket
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import structlog
import trio

from imserver.core import Core
from imserver.gateway.limits import GatewayLimits
from imserver.gateway.link import SocketLink
from imserver.gateway.poller import READ, WRITE, Poller, kernel_poller
from imserver.gateway.websocket import WebSocketCodec
from imserver.gateway.wheel import TimerWheel
from imserver.gateway.wire import Wire

_TICK_S = 0.5
SocketType = socket.socket
#: The family as a number; `socket.family` makes an enum of it each time.
_FAMILY = _socket.socket.family.__get__

log = structlog.get_logger()


@dataclass(slots=True)
class Door:
    """A listening socket, and what its connections speak."""

    socket: socket.socket
    ssl_context: ssl.SSLContext | None
    websocket: bool
    open: bool = False

    def set_up(self) -> None:
        """Never block, and never wait for more to send: connections inherit that from the door (tcp(7))."""
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def accept(self) -> SocketType:
        """The next connection."""
        sock = self.socket
        if type(sock) is not SocketType or self.ssl_context is not None:
            return sock.accept()[0]
        # What `socket.accept` makes is a subclass with enums, counters and 40 bytes more, of which nothing
        # is needed here, and takes 2 us more to make.
        descriptor, _ = sock._accept()  # type: ignore[attr-defined]  # noqa: SLF001
        return cast(SocketType, _socket.socket(_FAMILY(sock), socket.SOCK_STREAM, 0, descriptor))


class Pump:
    """Moves bytes between sockets and the core.

    Args:
        core: what the bytes are for.
        limits: bounds of connections.
        poller, ready: what says which sockets are ready, and what waits until one is. Injected together,
            by simulations, whose sockets the kernel does not know.
    """

    def __init__(
        self,
        core: Core,
        limits: GatewayLimits,
        *,
        poller: Poller | None = None,
        ready: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.core = core
        self.limits = limits
        self.now_s = trio.current_time()
        self.wheel: TimerWheel[Wire] = TimerWheel(self.now_s)
        self.connections = 0
        self.accepted = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.protocol_errors = 0
        self.faults = 0
        self._emptied = trio.Event()
        if poller is None or ready is None:
            poller = kernel_poller()
            ready = partial(trio.lowlevel.wait_readable, poller.fileno())
        self._poller: Poller = poller
        self._ready = ready
        self._doors: list[Door] = []

    @property
    def links(self) -> list[SocketLink]:
        """The connections, in an order that does not differ from run to run."""
        return [item for item in self._poller.items() if isinstance(item, SocketLink)]

    # Listening -------------------------------------------------------------------------------------

    def open_door(self, door: Door) -> None:
        """Accept connections at `door` from now on."""
        door.set_up()
        self._doors.append(door)
        self._watch_door(door)

    def close_doors(self) -> None:
        """Accept nothing more."""
        for door in self._doors:
            self._poller.forget(door.socket)
            door.socket.close()
        self._doors.clear()

    def _watch_door(self, door: Door) -> None:
        if not door.open:
            self._poller.watch(door.socket, door, READ)
            door.open = True

    def _ignore_door(self, door: Door) -> None:
        if door.open:
            self._poller.watch(door.socket, door, 0)
            door.open = False

    def _accept(self, door: Door) -> None:
        for _ in range(self.limits.accepts_per_turn_max):
            if self.connections >= self.limits.connections_max:
                self._ignore_door(door)  # the next tick looks again
                return
            try:
                sock = door.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # that one gave up while it waited
            except OSError:
                # Out of descriptors: go on with those we have, and look again at the next tick.
                self._ignore_door(door)
                return
            self._admit(door, sock)

    def _admit(self, door: Door, sock: socket.socket) -> None:
        sock.setblocking(False)
        if door.ssl_context is not None:
            try:
                sock = door.ssl_context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            except OSError:
                sock.close()
                return
        link = SocketLink(sock, self, WebSocketCodec() if door.websocket else None, self.now_s)
        self.connections += 1
        self.accepted += 1
        self._poller.watch(sock, link, READ)
        link.look_by(self.now_s + self.limits.handshake_s_max)

    # Called by links -------------------------------------------------------------------------------

    def watch(self, link: Wire, *, reading: bool, writing: bool) -> None:
        """Wait for `link`'s socket to become readable, writable, both or neither."""
        if not link.gone:
            self._poller.watch(link.socket, link, (READ if reading else 0) | (WRITE if writing else 0))

    def fault(self, link: Wire, error: Exception) -> None:
        """Serving `link` raised what it must not: it ends, the others go on."""
        self.faults += 1
        log.error("connection_fault", error=repr(error), exc_info=error)
        link.drop()

    def forget(self, link: SocketLink) -> None:
        """`link` is gone: free its socket."""
        self.connections -= 1
        self._poller.forget(link.socket)
        link.socket.close()
        if not self.connections:
            self._emptied.set()

    async def wait_empty(self) -> None:
        """Return once no connection is left."""
        while self.connections:
            self._emptied = trio.Event()
            await self._emptied.wait()

    # Running ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Move bytes until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tick)
            try:
                while True:
                    await self._ready()
                    self.turn()
            finally:
                self.close_doors()
                for link in self.links:
                    link.drop()
                self._poller.close()

    def turn(self) -> None:
        """Handle everything that is ready now."""
        self.now_s = trio.current_time()
        for item, events in self._poller.poll():
            if type(item) is not SocketLink:
                self._accept(item)
                continue
            try:
                if events & WRITE and not item.gone:
                    item.writable_again()
                if events & READ and not item.gone:
                    item.readable()
            except Exception as error:  # noqa: BLE001 - one bad peer must not end the others
                self.fault(item, error)
        self.core.links.flush()

    async def _tick(self) -> None:
        while True:
            await trio.sleep(_TICK_S)
            self.now_s = trio.current_time()
            for link in self.wheel.due(self.now_s):
                try:
                    link.expire(self.now_s)
                except Exception as error:  # noqa: BLE001 - as in `turn`
                    self.fault(link, error)
            if self.connections < self.limits.connections_max:
                for door in self._doors:
                    self._watch_door(door)
            self.core.links.flush()
