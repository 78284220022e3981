"""The im1 protocol over WebSocket: what would be written to a socket is a binary message."""

from collections.abc import Callable

from benchmarks.peers.protocols.im1 import Im1Device
from benchmarks.peers.protocols.websocket import BINARY, WebSocket, frame


class Im1WebSocketDevice(Im1Device):
    """As `Im1Device`, once the upgrade is answered."""

    def __init__(self, name: str, token: str) -> None:
        super().__init__(name, token)
        self._socket = WebSocket("/", "im1")
        self._speaking = False

    def greet(self) -> None:
        self.out += self._socket.begin()

    def send(self, to: str, body: bytes) -> None:
        self._framed(lambda: Im1Device.send(self, to, body))

    def ping(self) -> None:
        self._framed(lambda: Im1Device.ping(self))

    def acknowledge(self) -> None:
        self._framed(lambda: Im1Device.acknowledge(self))

    def receive(self, data: bytes) -> None:
        for opcode, payload in self._socket.receive(data):
            if opcode == 0:
                self._framed(lambda: Im1Device.greet(self))
            elif opcode == BINARY:
                self._framed(lambda payload=payload: Im1Device.receive(self, payload))  # type: ignore[misc]
        self.unreadable = self.unreadable or self._socket.failed

    def _framed(self, speak: Callable[[], None]) -> None:
        """Whatever is said meanwhile becomes one message."""
        if self._speaking:
            speak()
            return
        self._speaking = True
        written = bytes(self.out)
        self.out.clear()
        speak()
        self._speaking = False
        said = bytes(self.out)
        self.out[:] = written + (frame(said, BINARY) if said else b"")
