"""The gateway: listeners over the pump, started and drained together."""

import random
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import trio

from improtocol.codes import Code
from improtocol.frames import Close
from imserver.core import Core
from imserver.gateway.limits import GatewayLimits
from imserver.gateway.pump import Door, Pump

_SCHEMES = {"tcp": (False, False), "tls": (False, True), "ws": (True, False), "wss": (True, True)}
_DRAIN_STEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Where to listen and what to speak there.

    `tcp://`, `tls://`, `ws://` or `wss://` with host and port (0: any).

    `ssl_context` is needed for `tls` and `wss`.
    """

    url: str
    ssl_context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in _SCHEMES:
            raise ValueError(f"a listener is one of {', '.join(_SCHEMES)}, not {self.url!r}")
        if not parts.hostname or parts.port is None:
            raise ValueError(f"a listener needs host and port, like tcp://127.0.0.1:7400, not {self.url!r}")
        if _SCHEMES[parts.scheme][1] and self.ssl_context is None:
            raise ValueError(f"{self.url} needs a certificate and a key")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatistics:
    """What the gateway holds and has done since it started."""

    connections: int
    accepted: int
    bytes_in: int
    bytes_out: int
    protocol_errors: int
    faults: int


class Gateway:
    """All listeners of a server, with one core behind them.

    Args:
        core: its `run` must be running as well.
        listeners: any number, of any kind.
        limits: bounds of connections.
        rng: spreads the retry times of a drain.
    """

    def __init__(
        self,
        core: Core,
        listeners: Sequence[Listener],
        *,
        limits: GatewayLimits | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._core = core
        self._listeners = listeners
        self._limits = limits or GatewayLimits()
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._pump: Pump | None = None

    async def run(self, *, task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen and serve until cancelled. Started with the real URLs, in the listeners' order.

        Raises:
            OSError: an address cannot be listened on; nothing is open then.
        """
        doors: list[Door] = []
        try:
            for listener in self._listeners:
                doors.append(self._bind(listener))  # noqa: PERF401 - those before a failure must be closed
        except OSError:
            for door in doors:
                door.socket.close()
            raise
        self._pump = pump = Pump(self._core, self._limits)
        for door in doors:
            pump.open_door(door)
        task_status.started([_url_of(item, door) for item, door in zip(self._listeners, doors, strict=True)])
        await pump.run()

    def _bind(self, listener: Listener) -> Door:
        parts = urlsplit(listener.url)
        assert parts.hostname is not None
        assert parts.port is not None
        family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((parts.hostname, parts.port))
            sock.listen(self._limits.backlog)
        except OSError as error:
            sock.close()
            raise OSError(
                error.errno, f"cannot listen on {listener.url}: {error.strerror or error}"
            ) from None
        websocket, secure = _SCHEMES[parts.scheme]
        return Door(sock, listener.ssl_context if secure else None, websocket)

    async def drain(self, *, within_s: float = 10.0, retry_after_s: float = 10.0) -> None:
        """Stop accepting, finish what was received, then send everybody away over `within_s` seconds.

        Each client is told its own retry time, up to `retry_after_s`, so that they do not all come back at
        once.
        """
        pump = self._pump
        if pump is None:
            return
        pump.close_doors()
        await self._core.drain()
        links = pump.links
        self._rng.shuffle(links)
        step = len(links) // _DRAIN_STEPS + 1
        for begin in range(0, len(links), step):
            for link in links[begin : begin + step]:
                retry_after_ms = int(self._rng.uniform(0, retry_after_s) * 1000)
                link.close(
                    Close(
                        code=Code.DRAINING, retry_after_ms=retry_after_ms, reason="the server is going down"
                    )
                )
            self._core.links.flush()
            await trio.sleep(within_s / _DRAIN_STEPS)
        # What came in while the goodbyes were being said; then let the peers read theirs, else a reset may
        # overtake it.
        await self._core.drain()
        with trio.move_on_after(self._limits.linger_s_max):
            await pump.wait_empty()

    def statistics(self) -> GatewayStatistics:
        """What is held and has been done."""
        pump = self._pump
        if pump is None:
            return GatewayStatistics(
                connections=0, accepted=0, bytes_in=0, bytes_out=0, protocol_errors=0, faults=0
            )
        return GatewayStatistics(
            connections=pump.connections,
            accepted=pump.accepted,
            bytes_in=pump.bytes_in,
            bytes_out=pump.bytes_out,
            protocol_errors=pump.protocol_errors,
            faults=pump.faults,
        )


def _url_of(listener: Listener, door: Door) -> str:
    scheme = urlsplit(listener.url).scheme
    host, port = door.socket.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
