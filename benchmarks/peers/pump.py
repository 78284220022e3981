"""The generator: devices' connections on one selector. It knows bytes and sockets, no protocol."""

import errno
import selectors
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress

from benchmarks.peers.device import Device

_READ_BYTES = 65536
#: Not in every Python's socket module. The port is chosen at connect: 28,000 of them for each address.
_IP_BIND_ADDRESS_NO_PORT = 24
#: `tcpi_segs_out` and `tcpi_segs_in` in `struct tcp_info` of linux/tcp.h, since Linux 4.2.
_TCP_INFO_BYTES, _SEGMENTS_AT = 192, 136
_SILENT_S_MAX = 20.0
#: Connections served between two calls of `on_breath`.
_BREATH = 16


class Line:
    """One connection of a device, with what went over it."""

    __slots__ = ("bytes_in", "bytes_out", "device", "flights", "socket", "up")

    def __init__(self, device: Device, sock: socket.socket) -> None:
        self.device = device
        self.socket = sock
        self.up = False
        self.bytes_in = 0
        self.bytes_out = 0
        self.flights = 0  #: times that something was written

    def segments(self) -> int:
        """TCP segments both ways so far, as the kernel counts them."""
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        out, came = struct.unpack_from("=II", info, _SEGMENTS_AT)
        return int(out + came)


class Pump:
    """Carries bytes between devices and the peer."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lines: dict[Device, Line] = {}
        self._frozen: list[Line] = []
        self._opened = 0
        self.on_progress: Callable[[Device], None] | None = None  #: a device has read something
        self.on_breath: Callable[[], None] | None = None  #: something else is due, also in a long turn
        self.on_lost: Callable[[Device], None] = _unexpected  #: the peer, or nobody there, ended a connection

    def line(self, device: Device) -> Line:
        """The connection a device has."""
        return self._lines[device]

    def open(self, device: Device, address: tuple[str, int]) -> None:
        """Connect, from another address of 127.0.0.0/8 each time; the device's hello follows by itself."""
        self._opened += 1
        number = self._opened
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((f"127.{2 + number // 40000 % 250}.{number // 200 % 200}.{number % 200 + 1}", 0))
        line = Line(device, sock)
        self._lines[device] = line
        code = sock.connect_ex(address)
        if code not in {0, errno.EINPROGRESS}:
            self._lose(line)
            return
        self._selector.register(sock, selectors.EVENT_WRITE, line)

    def drop(self, device: Device) -> None:
        """Hang up, as an app does that ends or loses its network and is told so."""
        self._forget(self._lines.pop(device))
        device.lost()

    def freeze(self, device: Device) -> None:
        """Leave the connection half-open: nothing reads it, nothing closes it; the device knows."""
        line = self._lines.pop(device)
        self._selector.unregister(line.socket)
        self._frozen.append(line)
        device.lost()

    def flush(self, device: Device) -> None:
        """Write what the device has to say."""
        line = self._lines.get(device)
        if line is None or not line.up or not device.out:
            return
        try:
            sent = line.socket.send(device.out)
        except BlockingIOError:
            sent = 0
        except (BrokenPipeError, ConnectionResetError):
            self._lose(line)
            return
        line.bytes_out += sent
        line.flights += 1
        del device.out[:sent]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if device.out else 0)
        if self._selector.get_key(line.socket).events != events:
            self._selector.modify(line.socket, events, line)

    def turn(self, timeout_s: float) -> bool:
        """Write and read what is possible; False when nothing was in time."""
        ready = self._selector.select(timeout_s)
        for number, (key, events) in enumerate(ready):
            if self.on_breath is not None and number % _BREATH == 0:
                self.on_breath()
            line: Line = key.data
            if self._lines.get(line.device) is not line:
                continue  # dropped by what happened earlier in this turn
            if events & selectors.EVENT_WRITE:
                self._writable(line)
            if events & selectors.EVENT_READ:
                self._readable(line)
        return bool(ready)

    def until(self, done: Callable[[], bool], silent_s: float = _SILENT_S_MAX) -> None:
        """Turn until `done`.

        Raises:
            RuntimeError: the peer fell silent before, for longer than `silent_s`.
        """
        heard_s = time.monotonic()
        while not done():
            if self.turn(0.05):
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > silent_s:
                raise RuntimeError(f"the peer fell silent for {silent_s} s")

    def close(self) -> None:
        """Hang up on all, the half-open ones included."""
        for line in list(self._lines.values()):
            self._forget(line)
        for line in self._frozen:
            line.socket.close()
        self._lines.clear()
        self._frozen.clear()
        self._selector.close()

    def _writable(self, line: Line) -> None:
        if not line.up:
            if line.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._lose(line)
                return
            line.up = True
            self._selector.modify(line.socket, selectors.EVENT_READ, line)
            line.device.connected()
            if self.on_progress is not None:
                self.on_progress(line.device)
        self.flush(line.device)

    def _readable(self, line: Line) -> None:
        try:
            data = line.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._lose(line)
            return
        line.bytes_in += len(data)
        device = line.device
        device.receive(data)
        if device.unreadable:
            self._lose(line)
            return
        if self.on_progress is not None:
            self.on_progress(device)
        if device.out:
            self.flush(device)

    def _forget(self, line: Line) -> None:
        with suppress(KeyError):  # it may never have been registered
            self._selector.unregister(line.socket)
        line.socket.close()

    def _lose(self, line: Line) -> None:
        self._lines.pop(line.device, None)
        self._forget(line)
        line.device.lost()
        self.on_lost(line.device)


def _unexpected(device: Device) -> None:
    raise RuntimeError(f"the peer hung up on {device.name} {device.unreadable}".rstrip())
