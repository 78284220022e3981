"""NATS client protocol with JetStream: published with a message id, consumed by a durable push consumer."""

import json
import re

from benchmarks.peers.device import Device

STREAM = "INBOX"
#: After this long without an acknowledgement a message is delivered again; the default is 30 s.
ACK_WAIT_S = 2
#: Groups: subject, reply, empty or size of headers, size of all; of MSG, then of HMSG.
_LINE = re.compile(
    rb"(?:MSG (\S+) \d+ +(?:(\S+) )?()(\d+)|HMSG (\S+) \d+ +(?:(\S+) )?(\d+) (\d+)|[^\r]*)\r\n"
)


class NatsDevice(Device):
    """Publishes to `u.<name>`; its consumer, filtered to its own inbox, delivers to `d.<name>`.

    What is delivered again is told by its sequence number in the stream, and left out.
    """

    def __init__(self, name: str, password: str) -> None:
        super().__init__(name)
        options = {"verbose": False, "pedantic": False, "headers": True, "user": name, "pass": password}
        greeting = json.dumps(options, separators=(",", ":"))
        self._hello = f"CONNECT {greeting}\r\nSUB r.{name}.* 1\r\nSUB d.{name} 2\r\nPING\r\n"
        self._consumer = False
        self._seen: set[int] = set()
        self._counter = 0
        self._buffer = b""

    def greet(self) -> None:
        self._buffer = b""
        self.out += self._hello.encode()

    def send(self, to: str, body: bytes) -> None:
        self._counter += 1
        self.outbox[self._counter] = (to, body)
        if self.attached:
            self._publish(self._counter)

    def ping(self) -> None:
        self.out += b"PING\r\n"

    def receive(self, data: bytes) -> None:
        data = self._buffer + data
        at = 0
        while line := _LINE.match(data, at):
            size = line[4] or line[8]
            if size is None:
                self._say(line[0])
                at = line.end()
                continue
            end = line.end() + int(size)
            if len(data) < end + 2:
                break
            payload = data[line.end() + int(line[7] or 0) : end]
            self._take(line[1] or line[5], line[2] or line[6], payload)
            at = end + 2
        self._buffer = data[at:]

    def _say(self, line: bytes) -> None:
        if line == b"PING\r\n":
            self.out += b"PONG\r\n"
        elif line == b"PONG\r\n":
            if self.attached:
                self.pongs += 1
            elif self._consumer:
                self._attach()
            else:
                self._create()
        elif line.startswith(b"-ERR"):
            self.unreadable = line.decode().strip()

    def _take(self, subject: bytes, reply: bytes | None, payload: bytes) -> None:
        if reply is not None and subject.startswith(
            b"u."
        ):  # a consumer keeps the subject it was published to
            # $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>...: told again, it is known.
            sequence = int(reply.split(b".")[5])
            if sequence not in self._seen:
                self._seen.add(sequence)
                self.received.append(payload)
            self.out += b"PUB " + reply + b" 0\r\n\r\n"
            return
        answer = json.loads(payload)
        if "error" in answer:
            self.unreadable = f"error: {answer['error']}"
        elif subject.endswith(b".c"):
            self._consumer = True
            self._attach()
        else:
            self.acked.append(self.outbox.pop(int(subject.rpartition(b".")[2]))[1])

    def _create(self) -> None:
        config = {
            "durable_name": self.name,
            "deliver_subject": f"d.{self.name}",
            "filter_subject": f"u.{self.name}",
            "ack_policy": "explicit",
            "ack_wait": ACK_WAIT_S * 10**9,
            "max_deliver": -1,
        }
        request = json.dumps({"stream_name": STREAM, "config": config}).encode()
        subject = f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.{self.name}"
        self.out += f"PUB {subject} r.{self.name}.c {len(request)}\r\n".encode() + request + b"\r\n"

    def _attach(self) -> None:
        self.attached = True
        for number in self.outbox:
            self._publish(number)

    def _publish(self, number: int) -> None:
        to, body = self.outbox[number]
        headers = f"NATS/1.0\r\nNats-Msg-Id: {self.name}-{number}\r\n\r\n".encode()
        sizes = f"{len(headers)} {len(headers) + len(body)}"
        self.out += f"HPUB u.{to} r.{self.name}.{number} {sizes}\r\n".encode() + headers + body + b"\r\n"
