"""Serves an application with hypercorn on trio."""

import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from starlette.types import ASGIApp

from imserver.http.connections import CONNECTIONS_MAX, Connections

#: A peer that acknowledges nothing for that long, a stalled reader included, is hung up by the kernel
#: (Linux): without this a client that stops reading would hold its connection for as long as it likes.
_UNACKED_MS_MAX: Final = 30_000
_BACKLOG: Final = 256
_GRACE_S: Final = 3.0
#: Until the head of a request is there, the first one included: hypercorn has no other timeout for those who
#: drip the bytes of a header (slowloris).
_KEEP_ALIVE_S: Final = 5.0
_HANDSHAKE_S_MAX: Final = 5.0
_LOG: Final = logging.getLogger("imserver.http.hypercorn")
_LOG.setLevel(logging.WARNING)  # its INFO says "CTRL + C to quit" for every listener


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files of the certificate chain and its key."""

    certificate: Path
    key: Path


class _Config(Config):
    """hypercorn's settings with ours, and TLS 1.3 at least."""

    def create_ssl_context(self) -> ssl.SSLContext | None:
        context = super().create_ssl_context()
        if context is not None:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        OSError: the port is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKED_MS_MAX)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


async def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    tls: Tls | None = None,
    connections_max: int = CONNECTIONS_MAX,
    shutdown_trigger: Callable[[], Awaitable[None]] | None = None,
    grace_s: float = _GRACE_S,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until the trigger returns, or until cancelled; then requests get `grace_s` to end.

    Reports the port to `nursery.start` once connections are accepted. Takes the listener over and closes it.

    Args:
        app: an ASGI application.
        listener: from `bind`.
        tls: HTTPS if given. At least TLS 1.3.
        connections_max: more at once are hung up.
        shutdown_trigger: its return begins the shutdown; without one, only cancelling ends the server.
        grace_s: how long requests under way may go on after it.
        task_status: for `nursery.start`.
    """
    port: int = listener.getsockname()[1]
    config = _Config()
    if tls is not None:
        config.certfile, config.keyfile = str(tls.certificate), str(tls.key)
    config.accesslog = None  # paths hold links, and links are secrets
    config.errorlog = _LOG
    config.include_server_header = False
    config.alpn_protocols = ["http/1.1"]
    config.keep_alive_timeout = _KEEP_ALIVE_S
    config.ssl_handshake_timeout = _HANDSHAKE_S_MAX
    context = WorkerContext(None)
    connections = Connections(
        ASGIWrapper(app),  # type: ignore[arg-type]
        config,
        context,
        connections_max=connections_max,
    )
    # As hypercorn's own `serve`, which lets the error of one connection end them all.
    accepting = _listener(listener, config.create_ssl_context())
    async with trio.open_nursery() as handlers:
        try:
            async with accepting, trio.open_nursery() as nursery:
                serving = partial(trio.serve_listeners, handler_nursery=handlers)
                nursery.start_soon(serving, connections.serve, [accepting])
                task_status.started(port)
                await (shutdown_trigger or trio.sleep_forever)()
                nursery.cancel_scope.cancel()
        finally:
            await context.terminated.set()  # ends the idle ones at once
            handlers.cancel_scope.deadline = trio.current_time() + grace_s


def _listener(
    listener: socket.socket, context: ssl.SSLContext | None
) -> trio.SocketListener | trio.SSLListener[trio.SocketStream]:
    plain = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    return plain if context is None else trio.SSLListener(plain, context, https_compatible=True)
