"""The wire under a link: a socket, its TLS, what waits to be written, and when the wheel is to come round."""

import socket
import ssl
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

from imserver.gateway.websocket import WebSocketCodec

if TYPE_CHECKING:
    from imserver.gateway.pump import Pump


class Wire:
    """One socket, written to without ever waiting."""

    __slots__ = (
        "_fresh",
        "_look_s",
        "_out",
        "_unsent",
        "closing",
        "codec",
        "gone",
        "handshaking",
        "pump",
        "since_s",
        "socket",
    )

    def __init__(self, sock: socket.socket, pump: "Pump", codec: WebSocketCodec | None, now_s: float) -> None:
        self.socket = sock
        self.pump = pump
        self.codec = codec
        self.handshaking = isinstance(sock, ssl.SSLSocket)
        self.closing = False
        self.gone = False
        #: When the present phase began: accepted, blocked or closing. None while nothing but silence can
        #: end the connection.
        self.since_s: float | None = now_s
        #: Attached, and what came behind the handshake is not yet processed.
        self._fresh = False
        #: When the wheel is to come round for this connection: it is in one slot, or in a few for a while.
        self._look_s = inf
        self._out: list[bytes] | None = None
        self._unsent = b""

    @property
    def blocked(self) -> bool:
        """True while bytes wait for the transport."""
        return bool(self._unsent)

    @property
    def _paused(self) -> bool:
        """Nothing is to be read at present."""
        raise NotImplementedError

    def _go_on(self) -> None:
        """The answer to the handshake is written: process what arrived behind it."""
        raise NotImplementedError

    def expire(self, now_s: float) -> None:
        """The wheel has come round: hang up if a deadline has passed, else look again later."""
        raise NotImplementedError

    def drop(self, cause: str = "reset") -> None:
        """The connection is gone, now; `cause` is a word for the churn log."""
        raise NotImplementedError

    def look_by(self, at_s: float) -> None:
        """Let the wheel come round at `at_s` at the latest."""
        if at_s < self._look_s:
            self._look_s = self.pump.wheel.add(self, at_s)

    def _shake_hands(self) -> bool:
        assert isinstance(self.socket, ssl.SSLSocket)
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            self.pump.watch(self, reading=True, writing=False)
            return False
        except ssl.SSLWantWriteError:
            self.pump.watch(self, reading=True, writing=True)
            return False
        except (OSError, ValueError):
            self.drop()
            return False
        self.handshaking = False
        return True

    # Writing ---------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what waits, as far as the transport takes it."""
        try:
            self._flush()
        except Exception as error:  # noqa: BLE001 - one connection's bad luck must not end the others
            self.pump.fault(self, error)

    def _flush(self) -> None:
        out, self._out = self._out, None
        if out is None or self.gone:
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        if data and self.codec is not None:
            data = self.codec.encode(data)
        if self.closing and self.codec is not None:
            data += self.codec.close()
        self._write(data)
        if self.closing:
            if not self._unsent:
                self._shut_down()
        elif self._fresh:
            self._go_on()

    def _queue(self, data: bytes) -> None:
        if self._out is None:
            self._out = []
            self.pump.core.links.add(self)
        self._out.append(data)

    def _write(self, data: bytes) -> None:
        """Write directly; what the transport does not take waits in `_unsent`."""
        if self.gone:
            return
        if self._unsent:
            self._unsent += data
            if len(self._unsent) > self.pump.limits.unsent_bytes_max:
                self.drop("slow")
            elif self._paused:
                self.pump.watch(self, reading=False, writing=True)
            return
        try:
            sent = self.socket.send(data) if data else 0
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        except OSError:
            self.drop()
            return
        self.pump.bytes_out += sent
        if sent < len(data):
            self._unsent = data[sent:]
            if self.since_s is None:
                self.since_s = self.pump.now_s
            self.look_by(self.pump.now_s + self.pump.limits.blocked_s_max)
            self.pump.watch(self, reading=not self._paused, writing=True)

    def _shut_down(self) -> None:
        """Everything is written.

        Say so, and wait for the peer to close, so that the kernel does not cut the CLOSE off.
        """
        try:
            if isinstance(self.socket, ssl.SSLSocket):
                with suppress(ssl.SSLError, ValueError):
                    self.socket.unwrap()  # says close_notify; the peer's own is not waited for
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop()
            return
        self.pump.watch(self, reading=True, writing=False)
