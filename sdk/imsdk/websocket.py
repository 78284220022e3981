"""A WebSocket as a byte stream: frames flow through binary messages whose borders mean nothing."""

import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)


class WebSocketStream(trio.abc.Stream):
    """The client's end of a WebSocket."""

    def __init__(self, connection: WebSocketConnection, over: trio.Event) -> None:
        self._connection = connection
        self._over = over
        self._rest = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._connection.send_message(bytes(data))
        except ConnectionClosed as error:
            raise trio.BrokenResourceError(str(error)) from error

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if not self._rest:
            try:
                message = await self._connection.get_message()
            except ConnectionClosed:
                return b""
            if isinstance(message, str):
                raise trio.BrokenResourceError("the server sent a text message")
            self._rest = message
        size = len(self._rest) if max_bytes is None else max_bytes
        data, self._rest = self._rest[:size], self._rest[size:]
        return data or await self.receive_some(max_bytes)

    async def aclose(self) -> None:
        self._over.set()
        await trio.lowlevel.checkpoint()


async def open_websocket(
    nursery: trio.Nursery,
    stream: trio.SocketStream | trio.SSLStream[trio.SocketStream],
    host: str,
    path: str,
    subprotocol: str,
) -> WebSocketStream:
    """A WebSocket over `stream`.

    Its task lives in `nursery` until the stream is closed, and never fails there.

    Raises:
        OSError: the server refused the handshake or broke off.
    """
    opened = await nursery.start(_host, stream, host, path, subprotocol)
    if isinstance(opened, str):
        raise OSError(opened)
    assert isinstance(opened, WebSocketStream)
    return opened


async def _host(
    stream: trio.SocketStream | trio.SSLStream[trio.SocketStream],
    host: str,
    path: str,
    subprotocol: str,
    task_status: "trio.TaskStatus[WebSocketStream | str]",
) -> None:
    over = trio.Event()
    started = False
    try:
        async with trio.open_nursery() as nursery:
            connection = await wrap_client_stream(nursery, stream, host, path, subprotocols=[subprotocol])
            task_status.started(WebSocketStream(connection, over))
            started = True
            await over.wait()
            nursery.cancel_scope.cancel()
    except* (
        HandshakeError,
        ConnectionRejected,
        ConnectionClosed,
        OSError,
        trio.BrokenResourceError,
    ) as group:
        # After the start the reader sees the end of the connection by itself.
        if not started:
            task_status.started(f"the WebSocket handshake failed: {group.exceptions[0]}")
    finally:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)
