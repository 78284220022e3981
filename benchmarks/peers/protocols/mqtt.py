"""MQTT 3.1.1 (OASIS standard, 29 October 2014): QoS 1, sessions that outlive connections."""

from typing import Final

from benchmarks.peers.device import Device

_CONNACK, _PUBLISH, _PUBACK, _SUBACK, _PINGRESP = 2, 3, 4, 9, 13
_KEEPALIVE_S: Final = 600
_PACKET_ID_MAX: Final = 65535


class MqttDevice(Device):
    """A client with one subscription, to its own inbox `u/<name>`.

    Args:
        name: the user's id, and the client id.
        user, password: said at every CONNECT, the password as long as our session secret.
    """

    def __init__(self, name: str, user: str, password: str) -> None:
        super().__init__(name)
        self._hello = _connect(name, user, password)
        self._subscribe = _packet(0x82, b"\x00\x01" + _text(f"u/{name}") + b"\x01")
        self._counter = 0
        self._buffer = b""
        self._topics: dict[str, bytes] = {}

    def greet(self) -> None:
        self._buffer = b""
        self.out += self._hello

    def send(self, to: str, body: bytes) -> None:
        self._counter = self._counter % _PACKET_ID_MAX + 1
        self.outbox[self._counter] = (to, body)
        if self.attached:
            self._publish(0x32, self._counter, to, body)

    def ping(self) -> None:
        self.out += b"\xc0\x00"

    def receive(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        at, end = 0, len(data)
        while end - at >= 2:
            length, width = data[at + 1], 1
            while data[at + width] & 0x80 and at + width + 1 < end:
                length = length & ((1 << 7 * width) - 1) | data[at + width + 1] << 7 * width
                width += 1
            begin = at + 1 + width
            if data[begin - 1] & 0x80 or begin + length > end:
                break
            self._take(data[at], data, begin, begin + length)
            at = begin + length
        self._buffer = data[at:]

    def _take(self, head: int, data: bytes, begin: int, end: int) -> None:
        kind = head >> 4
        if kind == _PUBACK:
            self.acked.append(self.outbox.pop(data[begin] << 8 | data[begin + 1])[1])
        elif kind == _PUBLISH:
            topic_end = begin + 2 + (data[begin] << 8 | data[begin + 1])
            self.out += b"\x40\x02" + data[topic_end : topic_end + 2]
            self.received.append(data[topic_end + 2 : end])
        elif kind == _CONNACK:
            if data[begin + 1]:
                self.unreadable = f"CONNACK code {data[begin + 1]}"
            elif data[begin] & 1:
                self._attached()
            else:
                self.out += self._subscribe
        elif kind == _SUBACK:
            self._attached()
        elif kind == _PINGRESP:
            self.pongs += 1

    def _attached(self) -> None:
        """Send again, with the DUP flag, what was not acknowledged (4.4)."""
        self.attached = True
        for number, (to, body) in self.outbox.items():
            self._publish(0x3A, number, to, body)

    def _publish(self, head: int, number: int, to: str, body: bytes) -> None:
        topic = self._topics.get(to)
        if topic is None:
            topic = self._topics[to] = _text(f"u/{to}")
        self.out += _packet(head, topic + bytes((number >> 8, number & 255)) + body)


def _connect(name: str, user: str, password: str) -> bytes:
    flags = 0xC0  # user name and password, clean_session 0
    head = _text("MQTT") + bytes((4, flags, _KEEPALIVE_S >> 8, _KEEPALIVE_S & 255))
    return _packet(0x10, head + _text(name) + _text(user) + _text(password))


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def _packet(head: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 128:
        return bytes((head, size)) + payload
    assert size < 16384
    return bytes((head, size & 127 | 128, size >> 7)) + payload
