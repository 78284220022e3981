"""The protocol of the bare relay (`benchmarks.peers.own.relay_server`)."""

from benchmarks.peers.device import Device

_ID_MAX = 65535


class FloorDevice(Device):
    """Says its name; sends again, with the same id, what was not acknowledged."""

    def __init__(self, name: str, password: str) -> None:
        super().__init__(name)
        self._password = password
        self._counter = 0
        self._buffer = b""

    def greet(self) -> None:
        self._buffer = b""
        self._say(b"H" + self.name.encode() + b"\0" + self._password.encode())

    def send(self, to: str, body: bytes) -> None:
        self._counter = self._counter % _ID_MAX + 1
        self.outbox[self._counter] = (to, body)
        if self.attached:
            self._post(self._counter)

    def ping(self) -> None:
        self._say(b"P")

    def receive(self, data: bytes) -> None:
        data = self._buffer + data
        at = 0
        while at < len(data) and at + 1 + data[at] <= len(data):
            end = at + 1 + data[at]
            kind = data[at + 1]
            if kind == 0x61:  # a
                self.acked.append(self.outbox.pop(data[at + 2] << 8 | data[at + 3])[1])
            elif kind == 0x44:  # D
                self.received.append(data[at + 2 : end])
            elif kind == 0x68:  # h
                self.attached = True
                for number in self.outbox:
                    self._post(number)
            else:
                self.pongs += 1
            at = end
        self._buffer = data[at:]

    def _post(self, number: int) -> None:
        to, body = self.outbox[number]
        self._say(b"M" + number.to_bytes(2, "big") + to.encode() + b"\0" + body)

    def _say(self, frame: bytes) -> None:
        self.out += bytes((len(frame),)) + frame
