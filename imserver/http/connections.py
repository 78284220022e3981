"""One HTTP connection, whatever its peer sends: hypercorn serves it, and nothing of it reaches the others."""

import logging
from typing import Final

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Event, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState

#: Connections at once. Each is a task with buffers, some tens of KiB; beyond, a new one is hung up at once.
CONNECTIONS_MAX: Final = 4096

_LOG: Final = logging.getLogger("imserver.http.connections")


class _Http1(H11Protocol):
    """HTTP/1.1 and nothing else: neither HTTP/2 nor WebSocket is spoken here, and each is a door.

    hypercorn would hold a refused WebSocket upgrade for ever, and fall over bytes that follow one.
    """

    async def _check_protocol(self, event: h11.Request) -> None:
        """An offer to switch to HTTP/2 is left unanswered, as RFC 9110, 7.8 allows."""

    async def _create_stream(self, request: h11.Request) -> None:
        headers = [(name, value) for name, value in request.headers if name != b"upgrade"]
        if len(headers) < len(request.headers):
            request = h11.Request(
                method=request.method,
                target=request.target,
                headers=headers,
                http_version=request.http_version,
            )
        await super()._create_stream(request)


class _Connection(TCPServer):
    """hypercorn's connection, which speaks `_Http1`."""

    def __init__(
        self,
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        stream: trio.SSLStream[trio.SocketStream],
    ) -> None:
        super().__init__(app, config, context, ConnectionState({}), stream)
        self._ended = trio.CancelScope()

    async def protocol_send(self, event: Event) -> None:
        """Send; a peer that is gone, and a cancelled send, end the connection.

        hypercorn's own would queue the news for the application, which waits for this very call, and behind
        a full queue both would wait for ever. And it shields its sends from cancellation: a peer that reads
        slowly would hold up the end of the server.
        """
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        async with self.send_lock:
            try:
                await self.stream.send_all(event.data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._ended.cancel()

    async def run(self) -> None:
        encrypted = isinstance(self.stream, trio.SSLStream)
        try:
            if encrypted:
                with trio.fail_after(self.config.ssl_handshake_timeout):
                    await self.stream.do_handshake()
            with self._ended:
                await self._serve(encrypted=encrypted)
        except (OSError, trio.BrokenResourceError, trio.TooSlowError):
            pass  # the peer is gone, or never came
        finally:
            await self._close()

    async def _serve(self, *, encrypted: bool) -> None:
        async with TaskGroup() as self._task_group:
            self.protocol = _Http1(  # type: ignore[assignment]  # has what the wrapper of both versions has
                self.app,
                self.config,
                self.context,
                self._task_group,
                ConnectionState({}),
                encrypted,
                None,
                None,
                self.protocol_send,
            )
            await self.idle_task.restart(self._task_group, self._idle_timeout)
            await self._read_data()
            # The peer says no more: what is under way ends by itself, and nobody needs to be waited for.
            await self.idle_task.stop()


class Connections:
    """Serves connections, each fenced off: an error in one would else end the listener, and so the server.

    Args:
        app, config, context: hypercorn's.
        connections_max: see `CONNECTIONS_MAX`.
    """

    def __init__(
        self,
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        *,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._app = app
        self._config = config
        self._context = context
        self._connections_max = connections_max
        self._open = 0

    async def serve(self, stream: trio.SocketStream | trio.SSLStream[trio.SocketStream]) -> None:
        """Serve until either side ends. Raises nothing but cancellation."""
        if self._open >= self._connections_max:
            await trio.aclose_forcefully(stream)
            return
        self._open += 1
        try:
            # hypercorn says that it wants TLS, and takes both.
            await _Connection(self._app, self._config, self._context, stream)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - see the class
            self._note(error)
        except BaseExceptionGroup as group:
            faults, others = group.split(Exception)
            if faults is not None:
                self._note(faults)
            if others is not None:
                raise others from None
        finally:
            self._open -= 1
            await trio.aclose_forcefully(stream)

    def _note(self, error: Exception) -> None:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        # Its text may hold what the peer sent, and it is the peer's doing: one short line.
        _LOG.warning("an HTTP connection was ended by a fault: %s", type(error).__name__)
