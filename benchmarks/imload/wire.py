"""One client connection: a socket, its TLS, its WebSocket. Non-blocking; bytes of frames in and out."""

import logging
import socket
import ssl
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

SCHEMES: Final = ("tcp", "tls", "ws", "wss")
_READ_BYTES: Final = 65536
_UNSENT_BYTES_MAX: Final = 16 * 1024 * 1024
_MESSAGE_BYTES: Final = 4096
_SILENT: Final = logging.getLogger("imload.websocket")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: a `tcp://`, `tls://`, `ws://` or `wss://` URL; `context` for the encrypted two."""

    scheme: str
    host: str
    port: int
    context: ssl.SSLContext | None

    @classmethod
    def parse(cls, url: str, authority: str | None = None) -> "Target":
        """Read `url`; `authority` is a PEM file to trust instead of the system's.

        Raises:
            ValueError: it is no such URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not parts.hostname or not parts.port:
            raise ValueError(f"{url!r} must be tcp://, tls://, ws:// or wss:// with host and port")
        context = None
        if parts.scheme in ("tls", "wss"):
            context = ssl.create_default_context(cafile=authority)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            if parts.scheme == "tls":
                context.set_alpn_protocols(["im1"])
        return cls(parts.scheme, parts.hostname, parts.port, context)

    @property
    def loopback(self) -> bool:
        """Whether source addresses of 127.0.0.0/8 can be used. Other systems have only 127.0.0.1."""
        return self.host.startswith("127.") and sys.platform == "linux"


class Wire:
    """A connection under way or open. The driver calls `advance` until it is True, then `read` and `write`.

    Any `OSError` means that it is gone.

    Args:
        target: where to.
        source: the address to connect from; None: the system's choice.

    Raises:
        OSError: it cannot even be begun.
    """

    __slots__ = (
        "_codec",
        "_connecting",
        "_handshaking",
        "_target",
        "_unsent",
        "bytes_in",
        "bytes_out",
        "open",
        "socket",
    )

    def __init__(self, target: Target, source: str | None) -> None:
        self._target = target
        self.socket: socket.socket = socket.socket(socket.AF_INET6 if ":" in target.host else socket.AF_INET)
        self._codec: ClientProtocol | None = None
        self._connecting = True
        self._handshaking = target.context is not None
        self._unsent = b""
        self.open = False
        self.bytes_in = self.bytes_out = 0
        try:
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source is not None:
                # The port is chosen when the destination is known: many more connections fit one address.
                self.socket.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
                self.socket.bind((source, 0))
            with suppress(BlockingIOError):
                self.socket.connect((target.host, target.port))
        except OSError:
            self.socket.close()
            raise

    @property
    def wants_write(self) -> bool:
        """Whether to wait for the socket to become writable."""
        return self._connecting or bool(self._unsent)

    def advance(self) -> bool:
        """Go on with connecting; True once frames can be written.

        Raises:
            OSError: refused, reset, or a certificate or an answer that is not right.
        """
        if self._connecting:
            error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, "cannot connect")
            self._connecting = False
            if self._target.context is not None:
                self.socket = self._target.context.wrap_socket(
                    self.socket, server_hostname=self._target.host, do_handshake_on_connect=False
                )
        if self._handshaking:
            assert isinstance(self.socket, ssl.SSLSocket)
            try:
                self.socket.do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            self._handshaking = False
        if self._target.scheme in ("ws", "wss"):
            return self._upgrade()
        self.open = True
        return True

    def _upgrade(self) -> bool:
        if self._codec is None:
            target = self._target
            uri = parse_uri(f"{target.scheme}://{target.host}:{target.port}/")
            self._codec = ClientProtocol(uri, subprotocols=[Subprotocol("im1")], logger=_SILENT)
            self._codec.send_request(self._codec.connect())
            self._write(b"".join(self._codec.data_to_send()))
            return False
        data = self._receive()
        if data == b"":
            raise ConnectionError("hung up during the WebSocket's handshake")
        if data:
            self._codec.receive_data(data)
        for event in self._codec.events_received():
            if isinstance(event, Response):
                if self._codec.handshake_exc is not None:
                    raise ConnectionError(f"no WebSocket: {self._codec.handshake_exc}")
                self.open = True
        return self.open

    def read(self) -> bytes | None:
        """What came; b"" when nothing is there, None when the peer has closed.

        Raises:
            OSError: it is gone.
        """
        parts: list[bytes] = []
        while True:
            data = self._receive()
            if data is None:
                break
            if not data:
                return b"".join(parts) if parts else None
            parts.append(data if self._codec is None else self._unframe(data))
            # TLS may hold decrypted bytes that the selector cannot see.
            if not isinstance(self.socket, ssl.SSLSocket) or not self.socket.pending():
                break
        return b"".join(parts)

    def _unframe(self, data: bytes) -> bytes:
        assert self._codec is not None
        self._codec.receive_data(data)
        payload = [
            bytes(event.data)
            for event in self._codec.events_received()
            if isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.CONT)
        ]
        if answer := b"".join(self._codec.data_to_send()):
            self._write(answer)
        return b"".join(payload)

    def write(self, data: bytes) -> None:
        """Write; what the kernel does not take follows with `flush`.

        Raises:
            OSError: it is gone.
        """
        if self._codec is not None:
            try:
                for begin in range(0, len(data), _MESSAGE_BYTES):
                    self._codec.send_binary(data[begin : begin + _MESSAGE_BYTES])
            except (InvalidState, ProtocolError) as error:
                raise ConnectionError(str(error)) from None
            data = b"".join(self._codec.data_to_send())
        self._write(data)

    def flush(self) -> None:
        """The socket is writable: write what waits.

        Raises:
            OSError: it is gone.
        """
        data, self._unsent = self._unsent, b""
        if data:
            self._write(data)

    def close(self, *, reset: bool = False) -> None:
        """Give the socket back; with `reset` the peer hears a reset instead of an end."""
        with suppress(OSError):
            if reset:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def _receive(self) -> bytes | None:
        try:
            data = self.socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        self.bytes_in += len(data)
        return data

    def _write(self, data: bytes) -> None:
        if self._unsent:
            self._unsent += data
        else:
            try:
                sent = self.socket.send(data) if data else 0
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                sent = 0
            self.bytes_out += sent
            self._unsent = data[sent:]
        if len(self._unsent) > _UNSENT_BYTES_MAX:
            raise ConnectionError("the server does not read")
