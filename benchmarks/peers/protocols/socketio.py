"""Socket.IO 4 over WebSocket (Engine.IO protocol 4, Socket.IO protocol 5) with connection state recovery."""

import json

from benchmarks.peers.device import Device
from benchmarks.peers.protocols.websocket import TEXT, WebSocket, frame


class SocketIoDevice(Device):
    """Emits `post(to, body)` with an acknowledgement, and again when none came (as with `retries`).

    Keeps the session's private id and the offset of the last message, which is what the client of the project
    recovers with.
    """

    def __init__(self, name: str, password: str) -> None:
        super().__init__(name)
        self._socket = WebSocket("/socket.io/?EIO=4&transport=websocket")
        self._auth = {"name": name, "password": password}
        self._recovery: dict[str, str] = {}
        self._counter = 0

    def greet(self) -> None:
        self.out += self._socket.begin()

    def send(self, to: str, body: bytes) -> None:
        self._counter += 1
        self.outbox[self._counter] = (to, body)
        if self.attached:
            self._post(self._counter)

    def ping(self) -> None:
        """It is the server that asks, every 25 s."""

    def receive(self, data: bytes) -> None:
        for opcode, payload in self._socket.receive(data):
            if opcode == TEXT:
                self._packet(payload.decode())
        self.unreadable = self._socket.failed

    def _packet(self, packet: str) -> None:
        if packet.startswith("42"):
            event = json.loads(packet[2:])
            self._recovery["offset"] = event[-1]
            if event[0] == "message":
                self.received.append(event[1].encode())
            else:
                self._attach()
        elif packet.startswith("43"):
            answered = int(packet[2 : packet.index("[")])
            self.acked.append(self.outbox.pop(answered)[1])
        elif packet == "2":
            self._say("3")
            self.pongs += 1
        elif packet.startswith("40"):
            pid = json.loads(packet[2:])["pid"]
            if self._recovery.get("pid") == pid:
                self._attach()
            else:
                self._recovery = {"pid": pid}  # what can recover is complete with the offset of the welcome
        elif packet.startswith("0"):
            self._say("40" + json.dumps({**self._recovery, **self._auth}, separators=(",", ":")))

    def _attach(self) -> None:
        self.attached = True
        for number in self.outbox:
            self._post(number)

    def _post(self, number: int) -> None:
        to, body = self.outbox[number]
        self._say(f'42{number}["post","{to}","{body.decode()}"]')

    def _say(self, packet: str) -> None:
        self.out += frame(packet.encode())
