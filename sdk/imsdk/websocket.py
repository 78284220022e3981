"""A WebSocket as a byte stream: frames flow through binary messages whose borders mean nothing."""

import logging
from typing import Final, TypeAlias, cast

import trio
from trio_websocket import WebSocketConnection, wrap_client_stream

_log = logging.getLogger(__name__)

#: A server bounds what it reads before a session is attached, and reads whole messages: a RESUME with a
#: flight of commands behind it must not be one message.
MESSAGE_BYTES: Final = 4096

ByteStream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"


class WebSocketStream(trio.abc.Stream):
    """The client's end of a WebSocket. Made by `open_websocket`."""

    def __init__(
        self, connection: WebSocketConnection, messages: trio.MemoryReceiveChannel[bytes], over: trio.Event
    ) -> None:
        self._connection = connection
        self._messages = messages
        self._over = over
        self._rest = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            for begin in range(0, len(data), MESSAGE_BYTES):
                await self._connection.send_message(bytes(data[begin : begin + MESSAGE_BYTES]))
        except Exception as error:
            # Below are three libraries with errors of their own; all of them mean that it is broken.
            raise trio.BrokenResourceError(f"{type(error).__name__}: {error}") from error

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while not self._rest:
            try:
                self._rest = await self._messages.receive()
            except trio.EndOfChannel:
                return b""
        size = len(self._rest) if max_bytes is None else max_bytes
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    async def aclose(self) -> None:
        self._over.set()
        await trio.lowlevel.checkpoint()


class _Opening(trio.abc.Stream):
    """The stream below a WebSocket. Until `opened`, its end is an error.

    trio-websocket would take note of it and go on waiting for the end of the handshake.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.opened = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            self._check(error)
            raise

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError as error:
            self._check(error)
            raise
        if not data:
            self._check()
        return data

    async def aclose(self) -> None:
        self._check()
        await self._stream.aclose()

    def _check(self, cause: Exception | None = None) -> None:
        if not self.opened:
            raise OSError("the server broke off") from cause


async def open_websocket(
    nursery: trio.Nursery, stream: ByteStream, host: str, path: str, subprotocol: str
) -> WebSocketStream:
    """A WebSocket over `stream`.

    Its task lives in `nursery` until the stream is closed, and never fails there.

    Raises:
        OSError: the server refused the handshake, broke off or speaks no WebSocket.
    """
    opened = await nursery.start(_host, stream, host, path, subprotocol)
    if isinstance(opened, str):
        raise OSError(f"the WebSocket handshake failed: {opened}")
    assert isinstance(opened, WebSocketStream)
    return opened


async def _host(
    stream: ByteStream,
    host: str,
    path: str,
    subprotocol: str,
    task_status: "trio.TaskStatus[WebSocketStream | str]",
) -> None:
    over = trio.Event()
    started = False
    # Of size zero: nothing is read ahead beyond what trio-websocket itself holds.
    put, get = trio.open_memory_channel[bytes](0)
    try:
        async with put, trio.open_nursery() as nursery:
            opening = _Opening(stream)
            connection = await wrap_client_stream(
                nursery, cast("ByteStream", opening), host, path, subprotocols=[subprotocol]
            )
            opening.opened = True
            task_status.started(WebSocketStream(connection, get, over))
            started = True
            nursery.start_soon(_pass_on, connection, put)
            await over.wait()
            nursery.cancel_scope.cancel()
    except* Exception as group:  # noqa: BLE001
        # A server may provoke any error of the libraries below; it costs this connection and nothing else.
        reason = _first(group)
        if not started:
            task_status.started(f"{type(reason).__name__}: {reason}")
        _log.debug("a WebSocket ended: %r", reason)
    finally:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)


async def _pass_on(connection: WebSocketConnection, put: trio.MemorySendChannel[bytes]) -> None:
    while True:
        message = await connection.get_message()
        if isinstance(message, str):
            raise TypeError("the server sent a text message")
        await put.send(message)


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
