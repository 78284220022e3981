"""HTTP/1.1 long polling (`benchmarks.peers.own.poll_server`): a connection polls, or it sends."""

import json
import re

from benchmarks.peers.device import Device

WAIT_S = 60
_HEADERS = "Host: chat.example.com\r\nAuthorization: Bearer {}.{}\r\nAccept: application/json\r\n"
_RESPONSE = re.compile(rb"HTTP/1.1 (\d+) .*?Content-Length: (\d+)\r\n\r\n", re.DOTALL)


class PollDevice(Device):
    """Asks once without waiting, which tells that it is attached, then holds one poll after the other.

    Args:
        name, password: said with every request.
        wait_s: how long a poll is held; 0: it asks for news only when told to (`ping`).
    """

    def __init__(self, name: str, password: str, wait_s: int = WAIT_S) -> None:
        super().__init__(name)
        self._wait_s = wait_s
        self._headers = _HEADERS.format(name, password)
        self._cursor = 0
        self._buffer = b""
        self._pinged = 0

    def greet(self) -> None:
        self._buffer = b""
        self._pinged = 0
        self._poll(0)

    def send(self, to: str, body: bytes) -> None:
        raise NotImplementedError("this connection only polls")

    def ping(self) -> None:
        """What a poll costs that ends without news: its answer, and the next one."""
        self._pinged += 1
        self._poll(self._wait_s)

    def receive(self, data: bytes) -> None:
        self._buffer += data
        for body in _bodies(self):
            answer = json.loads(body)
            self._cursor = answer["cursor"]
            self.received += [message.encode() for message in answer["messages"]]
            self.attached = True
            if self._pinged:
                self._pinged -= 1
                self.pongs += 1
            elif self._wait_s:
                self._poll(self._wait_s)

    def _poll(self, wait_s: int) -> None:
        self.out += f"GET /poll?after={self._cursor}&wait={wait_s} HTTP/1.1\r\n{self._headers}\r\n".encode()


class PostDevice(Device):
    """Sends over a connection of its own, pipelined."""

    def __init__(self, name: str, password: str) -> None:
        super().__init__(name)
        self._headers = _HEADERS.format(name, password)
        self._counter = 0
        self._buffer = b""

    def greet(self) -> None:
        self._buffer = b""
        self.attached = True
        for number in self.outbox:
            self._post(number)

    def send(self, to: str, body: bytes) -> None:
        self._counter += 1
        self.outbox[self._counter] = (to, body)
        if self.attached:
            self._post(self._counter)

    def ping(self) -> None:
        raise NotImplementedError("this connection only sends")

    def receive(self, data: bytes) -> None:
        self._buffer += data
        for _ in _bodies(self):
            self.acked.append(self.outbox.pop(next(iter(self.outbox)))[1])

    def _post(self, number: int) -> None:
        to, body = self.outbox[number]
        head = (
            f"POST /send?id={number}&to={to} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n"
        )
        self.out += head.encode() + body


def _bodies(device: PollDevice | PostDevice) -> list[bytes]:
    """The bodies of the responses that are complete; they leave the buffer."""
    found = []
    while response := _RESPONSE.match(device._buffer):  # noqa: SLF001 - both are of this file
        end = response.end() + int(response[2])
        if len(device._buffer) < end:  # noqa: SLF001
            break
        if response[1] != b"200":
            device.unreadable = f"HTTP status {response[1].decode()}"
        found.append(device._buffer[response.end() : end])  # noqa: SLF001
        device._buffer = device._buffer[end:]  # noqa: SLF001
    return found
