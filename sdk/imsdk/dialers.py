"""Dialers: how a client gets a byte stream to a server."""

import ssl
from typing import Final, Protocol, runtime_checkable
from urllib.parse import SplitResult, urlsplit

import trio

from imsdk.ending import words_of
from imsdk.websocket import open_websocket

#: The protocol's name in TLS (ALPN) and as WebSocket subprotocol.
PROTOCOL_NAME: Final = "im1"
_DEFAULT_PORTS: Final = {"tcp": 7400, "tls": 7401, "ws": 80, "wss": 443}


class Dialer(Protocol):
    """Opens byte streams to a server. A simulated network is one more dialer."""

    async def dial(self, url: str) -> trio.abc.Stream:
        """A connected stream. The client sets the time limit, by cancelling.

        The stream's `send_all`, `receive_some` and `aclose` are all the client uses.

        Raises:
            OSError, trio.BrokenResourceError: the server cannot be reached.
            ValueError: this dialer does not know such a URL.
        """
        ...


@runtime_checkable
class NurseryDialer(Protocol):
    """A dialer whose streams need tasks of their own; the client lends it a nursery that outlives them."""

    async def dial_in(self, nursery: trio.Nursery, url: str) -> trio.abc.Stream:
        """As `Dialer.dial`."""
        ...


class SocketDialer:
    """Dials `tcp://host:port`, `tls://host:port`, `ws://host:port/path` and `wss://host:port/path`.

    Args:
        ssl_context: for tls and wss; without one the system's trust is used. Its ALPN names are set here.
        source_address: local address to bind, or None. May be changed between dials, as when a phone goes
            from Wi-Fi to cellular.
    """

    def __init__(
        self, *, ssl_context: ssl.SSLContext | None = None, source_address: str | None = None
    ) -> None:
        self._ssl_context = ssl_context
        self.source_address = source_address

    async def dial(self, url: str) -> trio.abc.Stream:
        parts = check_url(url)
        if parts.scheme in ("ws", "wss"):
            raise ValueError("a WebSocket needs a nursery; use dial_in")
        return await self._dial_bytes(parts)

    async def dial_in(self, nursery: trio.Nursery, url: str) -> trio.abc.Stream:
        parts = check_url(url)
        stream = await self._dial_bytes(parts)
        if parts.scheme not in ("ws", "wss"):
            return stream
        try:
            return await open_websocket(nursery, stream, parts.netloc, parts.path or "/", PROTOCOL_NAME)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise

    async def _dial_bytes(self, parts: SplitResult) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
        assert parts.hostname is not None
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        try:
            stream = await trio.open_tcp_stream(parts.hostname, port, local_address=self.source_address)
        except OSError as error:
            raise OSError(_reason(error)) from error
        if parts.scheme in ("tcp", "ws"):
            return stream
        context = self._ssl_context or ssl.create_default_context()
        # Each time: the context serves tls, wss and the media's https, and what is set holds from here on.
        context.set_alpn_protocols(["http/1.1" if parts.scheme == "wss" else PROTOCOL_NAME])
        tls = trio.SSLStream(stream, context, server_hostname=parts.hostname, https_compatible=True)
        try:
            await tls.do_handshake()
        except BaseException as error:
            await trio.aclose_forcefully(stream)
            if isinstance(error, trio.BrokenResourceError):
                raise OSError(_reason(error)) from error
            raise
        return tls


def _reason(error: Exception) -> str:
    """What a person can use of it: trio keeps why behind "all attempts failed" or no word at all."""
    cause: BaseException = error.__cause__ or error
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"TLS: certificate verify failed: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError) and cause.reason:
        return f"TLS: {cause.reason.lower().replace('_', ' ')}"
    return (cause.strerror if isinstance(cause, OSError) else None) or words_of(error)


def check_url(url: str) -> SplitResult:
    """The parts of a URL that `SocketDialer` knows. Raises `ValueError` with what to write instead."""
    try:
        parts = urlsplit(url)
        port_is_none = parts.port == 0
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}") from error
    if parts.scheme == "memory":
        give = "dialer=server.dialer(), transfers=server.transfers()"
        raise ValueError(f"{url!r} is the server of imsdk.testing: give {give}")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{url!r}: use tcp://, tls://, ws:// or wss:// and a host")
    if port_is_none:
        raise ValueError(f"{url!r}: a port is 1 to 65535")
    return parts
