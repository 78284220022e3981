"""One connection at the server: a socket, its framing, and the session behind it. An object, not a task.

The pump calls `readable` and `writable_again`; the core calls what `imserver.core.Link` promises. Nothing
here waits.
"""

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from improtocol.codes import Code
from improtocol.connection import NEED_DATA, Connection, close_for
from improtocol.entries import Entry
from improtocol.errors import LocalProtocolError, RemoteProtocolError
from improtocol.frames import Close, Connect, Frame, Resume
from improtocol.state import Side, State
from imserver.gateway.websocket import WebSocketCodec

if TYPE_CHECKING:
    from imserver.core import Session
    from imserver.gateway.pump import Pump

_WANT_READ = (BlockingIOError, InterruptedError, ssl.SSLWantReadError)


class SocketLink:
    """The server's end of one connection. See `imserver.core.Link` for what it promises the core."""

    __slots__ = (
        "__weakref__",
        "_out",
        "_unsent",
        "closing",
        "codec",
        "connection",
        "gone",
        "handshaking",
        "heard_s",
        "pump",
        "received_bytes",
        "session",
        "since_s",
        "socket",
    )

    def __init__(self, sock: socket.socket, pump: "Pump", codec: WebSocketCodec | None, now_s: float) -> None:
        self.socket = sock
        self.pump = pump
        self.codec = codec
        self.connection = Connection(Side.SERVER)
        self.session: Session | None = None
        self.handshaking = isinstance(sock, ssl.SSLSocket)
        self.closing = False
        self.gone = False
        self.received_bytes = 0
        self.heard_s = now_s
        #: When the present phase began: accepted, blocked or closing. None while nothing but silence can
        #: end the connection.
        self.since_s: float | None = now_s
        self._out: list[bytes] | None = None
        self._unsent = b""

    # From the pump ---------------------------------------------------------------------------------

    def readable(self) -> None:
        """Read once, and act on every whole frame."""
        if self.handshaking and not self._shake_hands():
            return
        limits = self.pump.limits
        size = limits.read_bytes_max if self.session is not None else limits.handshake_bytes_max
        while not self.gone:
            try:
                data = self.socket.recv(size)
            except _WANT_READ:
                return
            except ssl.SSLWantWriteError:
                self.pump.watch(self, reading=True, writing=True)
                return
            except OSError:
                self.drop()
                return
            if not data:
                self.drop()
                return
            self.pump.bytes_in += len(data)
            self._take(data)
            # TLS may hold decrypted bytes that the selector cannot see.
            if not isinstance(self.socket, ssl.SSLSocket) or not self.socket.pending() or self._paused:
                return

    def _shake_hands(self) -> bool:
        assert isinstance(self.socket, ssl.SSLSocket)
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLWantWriteError:
            self.pump.watch(self, reading=True, writing=True)
            return False
        except (OSError, ValueError):
            self.drop()
            return False
        self.handshaking = False
        return True

    def _take(self, data: bytes) -> None:
        if self.closing:
            return  # only read on so that the peer gets to see the CLOSE
        if self.session is None:
            self.received_bytes += len(data)
            if self.received_bytes > self.pump.limits.handshake_bytes_max:
                self.close(Close(code=Code.FRAME_TOO_LARGE, reason="too many bytes before a session"))
                return
        if self.codec is not None:
            data = self.codec.receive(data)
            if answer := self.codec.to_send():
                self._write(answer)
            if self.codec.closed:
                self._hang_up()
                return
            if not data:
                return
        self.connection.receive_data(data)
        self._process()

    def _process(self) -> None:
        connection = self.connection
        try:
            # While a handshake is being answered nothing more is read: the peer is not known yet.
            while not self.closing and connection.state not in (State.CONNECTING, State.RESUMING):
                frame = connection.next_event()
                if frame is NEED_DATA:
                    return
                self.heard_s = self.pump.now_s
                if self.session is not None and not isinstance(frame, Close):
                    self.pump.core.receive(self.session, self, frame)
                elif isinstance(frame, (Connect, Resume)):
                    self.pump.core.hello(self, frame)
                else:
                    self._hang_up()
        except RemoteProtocolError as error:
            self.pump.protocol_errors += 1
            self.close(close_for(error))
            return
        if not self.closing and self._paused:
            self.pump.watch(self, reading=False, writing=bool(self._unsent))

    @property
    def _paused(self) -> bool:
        return self.connection.state in (State.CONNECTING, State.RESUMING)

    def writable_again(self) -> None:
        """The socket takes bytes again."""
        if self.handshaking and not self._shake_hands():
            return
        unsent, self._unsent = self._unsent, b""
        if unsent:
            self._write(unsent)
        if self._unsent or self.gone:
            return
        self.pump.watch(self, reading=not self._paused, writing=False)
        if self.closing:
            self._shut_down()
            return
        self.since_s = None if self.session is not None else self.since_s
        if self.session is not None:
            self.pump.core.writable(self.session)

    def expire(self, now_s: float) -> float | None:
        """Hang up if a deadline has passed.

        Returns when to look again, None when there is nothing left to look at.
        """
        if self.gone:
            return None
        limits = self.pump.limits
        if self.closing:
            deadline, close = (self.since_s or now_s) + limits.linger_s_max, None
        elif self.session is None:
            deadline = (self.since_s or now_s) + limits.handshake_s_max
            close = Close(code=Code.SLOW_HANDSHAKE, reason="no session was attached in time")
        else:
            deadline = self.heard_s + limits.idle_s_max
            close = Close(code=Code.IDLE_TIMEOUT, reason="nothing was heard for too long")
            if self._unsent and self.since_s is not None and self.since_s + limits.blocked_s_max < deadline:
                deadline, close = self.since_s + limits.blocked_s_max, None
        if deadline > now_s:
            return deadline
        if close is None:
            self.drop()
            return None
        self.close(close)
        self.flush()
        return now_s + limits.linger_s_max

    # From the core ---------------------------------------------------------------------------------

    @property
    def blocked(self) -> bool:
        """True while bytes wait for the transport."""
        return bool(self._unsent)

    def send(self, frame: Frame) -> None:
        """Queue `frame`. Ignored when the link is closed."""
        if not self.closing:
            self._queue(self.connection.send(frame))

    def send_events(self, start: int, end: int, entries: Sequence[Entry]) -> int:
        """Queue EVENTS (start, end]; returns the bytes it takes."""
        if self.closing:
            return 0
        data = self.connection.send_events(start, end, entries)
        self._queue(data)
        return len(data)

    def attached(self) -> None:
        """A session is attached: read on, beginning with what came behind the handshake."""
        self.session = self.pump.core.session_of(self)
        self.since_s = None
        self.heard_s = self.pump.now_s
        self.pump.attached(self)

    def go_on(self) -> None:
        """Process what arrived behind the handshake; called by the pump once the answer is queued."""
        if not self.gone and not self.closing:
            self.pump.watch(self, reading=True, writing=bool(self._unsent))
            self._process()
            if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                self.readable()

    def close(self, frame: Close) -> None:
        """Queue `frame` and hang up once it is written."""
        if self.closing or self.gone:
            return
        # Where nothing may be said in this state, the hang-up says it all.
        with suppress(LocalProtocolError):
            self._queue(self.connection.send(frame))
        self._hang_up()

    def flush(self) -> None:
        """Write what waits, as far as the transport takes it."""
        out, self._out = self._out, None
        if out is None or self.gone:
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        if data and self.codec is not None:
            data = self.codec.encode(data)
        if self.closing and self.codec is not None:
            data += self.codec.close()
        self._write(data)
        if self.closing and not self._unsent:
            self._shut_down()

    # Inside ----------------------------------------------------------------------------------------

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
                self.drop()
            return
        try:
            sent = self.socket.send(data) if data and not self.handshaking else 0
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
            self.pump.wheel.add(self, self.pump.now_s + self.pump.limits.blocked_s_max)
            self.pump.watch(self, reading=not self._paused, writing=True)

    def _hang_up(self) -> None:
        """End the session's use of this connection; the socket follows when everything is written."""
        if self.closing or self.gone:
            return
        self.closing = True
        self.session = None
        self.pump.core.lost(self)
        self.since_s = self.pump.now_s
        self.pump.wheel.add(self, self.since_s + self.pump.limits.linger_s_max)
        if self._out is None:
            self._out = [b""]
            self.pump.core.links.add(self)

    def _shut_down(self) -> None:
        """Everything is written.

        Say so, and wait for the peer to close, so that the kernel does not cut the CLOSE off.
        """
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop()
            return
        self.pump.watch(self, reading=True, writing=False)

    def drop(self) -> None:
        """The connection is gone, now."""
        if self.gone:
            return
        self.gone = True
        self.closing = True
        self.session = None
        self._out = None
        self._unsent = b""
        self.pump.core.lost(self)
        self.pump.forget(self)
