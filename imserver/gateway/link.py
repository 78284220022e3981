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
from improtocol.errors import LocalProtocolError, RemoteProtocolError
from improtocol.event_codec import Line
from improtocol.frames import Close, Connect, Frame, Resume
from improtocol.state import Side
from imserver.gateway.deadlines import cause_of, deadline_of
from imserver.gateway.websocket import WebSocketCodec
from imserver.gateway.wire import Wire

if TYPE_CHECKING:
    from imserver.core import Session
    from imserver.gateway.pump import Pump

_WANT_READ = (BlockingIOError, InterruptedError, ssl.SSLWantReadError)


class SocketLink(Wire):
    """The server's end of one connection. See `imserver.core.Link` for what it promises the core."""

    __slots__ = ("connection", "heard_s", "received_bytes", "session")

    def __init__(self, sock: socket.socket, pump: "Pump", codec: WebSocketCodec | None, now_s: float) -> None:
        super().__init__(sock, pump, codec, now_s)
        self.connection = Connection(Side.SERVER)
        self.session: Session | None = None
        self.received_bytes = 0
        self.heard_s = now_s

    # From the pump ---------------------------------------------------------------------------------

    def readable(self) -> None:
        """Read once, and act on every whole frame."""
        if self.handshaking and not self._shake_hands():
            return
        if self._paused:
            # Only now, when something came: most pauses are over before, and cost no system call.
            self.pump.watch(self, reading=False, writing=bool(self._unsent))
            return
        while not self.gone:
            size = self.pump.limits.read_bytes_max
            if self.session is None and not self.closing:
                # Never more than it may send: what it pipelines behind RESUME waits in the kernel till then.
                size = min(size, self.pump.limits.handshake_bytes_max - self.received_bytes)
                if size <= 0:
                    self.close(Close(code=Code.FRAME_TOO_LARGE, reason="too many bytes before a session"))
                    return
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
                self.drop("closed")
                return
            self.pump.bytes_in += len(data)
            self._take(data)
            # TLS may hold decrypted bytes that the selector cannot see.
            if not isinstance(self.socket, ssl.SSLSocket) or not self.socket.pending() or self._paused:
                return

    def _take(self, data: bytes) -> None:
        if self.closing:
            return  # only read on so that the peer gets to see the CLOSE
        if self.session is None:
            self.received_bytes += len(data)
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
            while not self.closing and not connection.step.answering:
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

    @property
    def _paused(self) -> bool:
        """Nothing is read at present: the peer is not known yet, or takes too little of what it asked for."""
        if self.closing:
            return False
        full = len(self._unsent) > self.pump.limits.unsent_bytes_pause
        return full or self._fresh or self.connection.step.answering

    def writable_again(self) -> None:
        """The socket takes bytes again."""
        if self.handshaking and not self._shake_hands():
            return
        unsent, self._unsent = self._unsent, b""
        if unsent:
            self._write(unsent)
        if self.gone:
            return
        if self._unsent:
            if len(self._unsent) < len(unsent) and not self.closing:
                self.since_s = self.pump.now_s  # slow, but it takes some
            return
        self.pump.watch(self, reading=not self._paused, writing=False)
        if self.closing:
            self._shut_down()
            return
        if self.session is not None:
            self.since_s = None
            self.pump.core.writable(self.session)
        if isinstance(self.socket, ssl.SSLSocket) and not self._paused:
            self.readable()  # what came while TLS itself wanted to write is where the selector cannot see it

    def expire(self, now_s: float) -> None:
        if self.gone or now_s < self._look_s:
            return  # a deadline that was moved nearer and has been looked at, or a later look is armed
        deadline_s, close = deadline_of(self, self.pump.limits, now_s)
        if deadline_s <= now_s:
            if close is None:
                self.drop("slow")
                return
            self.close(close)
            deadline_s = now_s + self.pump.limits.linger_s_max
        self._look_s = self.pump.wheel.add(self, deadline_s)

    # From the core ---------------------------------------------------------------------------------

    def send(self, frame: Frame) -> None:
        """Queue `frame`. Ignored when the link is closed."""
        if self.closing:
            return
        try:
            self._queue(self.connection.send(frame))
        except LocalProtocolError as error:
            self.pump.fault(self, error)

    def send_result(self, counter: int, value: int, at_ms: int) -> None:
        """Queue the RESULT of a command that was carried out."""
        if self.closing:
            return
        try:
            self._queue(self.connection.send_result(counter, value, at_ms))
        except LocalProtocolError as error:
            self.pump.fault(self, error)

    def send_events(self, start: int, end: int, lines: Sequence[Line]) -> int:
        """Queue EVENTS (start, end]; returns the bytes it takes."""
        if self.closing:
            return 0
        try:
            data = self.connection.send_lines(start, end, lines)
        except LocalProtocolError as error:
            self.pump.fault(self, error)
            return 0
        self._queue(data)
        return len(data)

    def attached(self) -> None:
        """A session is attached: read on, beginning with what came behind the handshake."""
        self.since_s = self.pump.now_s if self._unsent else None
        self.heard_s = self.pump.now_s
        self._fresh = True

    def _go_on(self) -> None:
        """The answer to the handshake is written: process what arrived behind it."""
        self._fresh = False
        if not self.closing:
            self.pump.watch(self, reading=not self._paused, writing=bool(self._unsent))
            self._process()
            if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() and not self._paused:
                self.readable()

    def close(self, frame: Close) -> None:
        """Queue `frame` and hang up once it is written."""
        if self.closing or self.gone:
            return
        if self.handshaking:
            self.drop()  # without TLS nothing can be said
            return
        # Where nothing may be said in this state, the hang-up says it all.
        with suppress(LocalProtocolError):
            self._queue(self.connection.send(frame))
        self._hang_up(cause_of(frame))

    def _hang_up(self, cause: str = "closed") -> None:
        """End the session's use of this connection; the socket follows when everything is written."""
        if self.closing or self.gone:
            return
        self.closing = True
        self.pump.core.lost(self, cause)
        self.since_s = self.pump.now_s
        self.look_by(self.since_s + self.pump.limits.linger_s_max)
        if self._out is None:
            self._out = [b""]
            self.pump.core.links.add(self)

    def drop(self, cause: str = "reset") -> None:
        """The connection is gone, now; `cause` is a word for the churn log."""
        if self.gone:
            return
        self.gone = True
        self.closing = True
        self._out = None
        self._unsent = b""
        self.pump.core.lost(self, cause)
        self.pump.forget(self)
