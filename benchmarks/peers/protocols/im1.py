"""The im1 protocol (protocol/SPEC.md) with proofs, as the SDK speaks it, in as few steps as possible."""

from typing import Any, Final

import msgpack

from benchmarks.peers.device import Device
from improtocol.digest import DIGEST_MAX, record_digest, term_of
from imsdk.proof import Proof

#: The SDK acknowledges after 128 positions or a second; a generator without a clock does so more often.
ACK_AFTER: Final = 64
_CONNECT, _RESUME, _ACK, _PONG, _CLOSE, _CONNECTED, _RESUMED, _RESULT, _EVENTS, _RESYNC = (
    1, 2, 4, 9, 10, 11, 12, 13, 14, 16,
)  # fmt: skip
_PING_FRAME: Final = b"\x01\x08"
_STR8: Final = 0xD9


class Im1Device(Device):
    """A device with its session, cursor, proof and outbox.

    Args:
        name: the user's id.
        token: for the first connection.
    """

    def __init__(self, name: str, token: str) -> None:
        super().__init__(name)
        self._token = token
        self._session: tuple[int, bytes, int] | None = None  #: id, secret, epoch
        self._cursor = 0
        self._counter = 0
        self._settled = 0
        self._proof = Proof(0, 0, None)
        self._begin()

    def _begin(self) -> None:
        self._buffer = b""
        self._unacknowledged = 0
        self._to = ""
        self._at_ms = self._conversation = self._seq = 0
        self._sender = ""

    def greet(self) -> None:
        self._begin()
        digest, span = self._proof.claim()
        if self._session is None:
            self._say([_CONNECT, 1, self._token, "bench"])
            return
        session, secret, epoch = self._session
        proof = [0] if digest is None else [0, digest, span]
        self._say([_RESUME, session, secret, epoch, self._cursor, self._settled + 1, *proof])
        self._post_all()

    def send(self, to: str, body: bytes) -> None:
        self._counter += 1
        self.outbox[self._counter] = (to, body)
        if self.attached:
            self._post(self._counter, to, body)

    def ping(self) -> None:
        self.acknowledge()
        self._proof.pinged()
        self.out += _PING_FRAME

    def acknowledge(self) -> None:
        digest = self._proof.tell(self._cursor - self._unacknowledged, self._counter, now=False)
        if digest is not None:
            self._say([_ACK, self._unacknowledged, digest])
        elif self._unacknowledged:
            self._say(_ACK if self._unacknowledged == 1 else [_ACK, self._unacknowledged])
        self._unacknowledged = 0

    def receive(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        at, end = 0, len(data)
        while at < end and not self.unreadable:
            # A varint of one to three bytes (SPEC.md, 2).
            length, width = data[at], 1
            while data[at + width - 1] & 0x80 and at + width < end:
                length = length & ((1 << 7 * width) - 1) | data[at + width] << 7 * width
                width += 1
            begin = at + width
            if data[begin - 1] & 0x80 or begin + length > end:
                break
            at = begin + length
            self._frame(data[begin:at])
        self._buffer = data[at:]

    def _frame(self, payload: bytes) -> None:
        frame = msgpack.unpackb(payload)
        opcode = frame if type(frame) is int else frame[0]
        if opcode == _RESULT:
            self._result(frame)
        elif opcode == _EVENTS:
            self._events(frame)
        elif opcode == _PONG:
            self.pongs += 1
            self._proof.ponged()
        elif opcode == _RESUMED:
            self._attached(frame[5] if len(frame) > 5 else 0)
        elif opcode == _CONNECTED:
            self._session = (frame[1], frame[2], frame[3])
            self._settled = frame[4]
            self._attached(frame[9] if len(frame) > 9 else 0)
            self._post_all()
        elif opcode in {_CLOSE, _RESYNC}:
            self.unreadable = f"the server says {frame}"

    def _attached(self, resync: int) -> None:
        self.attached = True
        self._proof.attached(resync)

    def _result(self, frame: list[Any]) -> None:
        counter = self._settled + 1
        if len(frame) > 4 and frame[4]:
            self.unreadable = (
                f"refused: {frame}"  # the workloads send nothing that a server may refuse for good
            )
        elif frame[1] not in (counter & 127, -counter):
            self.unreadable = f"result of {frame[1]} where {counter} was due"
        else:
            self._at_ms += frame[3]
            self._settled = counter
            self.acked.append(self.outbox.pop(counter)[1])
            self._proof.answered(counter)

    def _events(self, frame: list[Any]) -> None:
        start, entries = frame[1], frame[2]
        if start != self._cursor:
            self.unreadable = f"a gap: events from {start}, the cursor is {self._cursor}"
            return
        end = frame[3] if len(frame) > 3 else start + len(entries)
        self._proof.reached(end)
        terms = sum(map(self._entry, entries)) & DIGEST_MAX
        self._proof.committed(end, terms, len(entries))
        self._unacknowledged += end - start
        self._cursor = end
        if self._unacknowledged >= ACK_AFTER:
            self.acknowledge()

    def _entry(self, entry: list[Any]) -> int:
        """Take one entry; its term."""
        if type(entry[0]) is not int:
            kind, payload, fields = 0, entry[0], entry[1:]
        else:
            kind, payload, fields = entry[0], entry[5] if len(entry) > 5 else None, entry[1:5]
        dt, sender, conversation, seq = [*fields, None, None, None][:4]
        self._at_ms += dt
        self._sender = self._sender if sender is None else sender
        self._conversation = conversation or self._conversation
        self._seq = self._seq + 1 if seq is None else seq
        packed = msgpack.packb(payload)
        if kind == 0:
            self.received.append(packed[2:])
        return term_of(record_digest(kind, self._at_ms, self._sender, self._conversation, packed), self._seq)

    def _post_all(self) -> None:
        """Send again what is not settled; counters that the server has accepted get their results again."""
        for counter, (to, body) in self.outbox.items():
            self._post(counter, to, body)

    def _post(self, counter: int, to: str, body: bytes) -> None:
        """`[3, counter, 1, body, to]`, `to` left out when it is the one before. Bodies: 32 to 100 bytes."""
        size = len(body)
        if to == self._to:
            self.out += bytes((6 + size, 0x94, 3, counter & 127, 1, _STR8, size)) + body
        else:
            name = msgpack.packb(to)
            self.out += bytes((6 + size + len(name), 0x95, 3, counter & 127, 1, _STR8, size)) + body + name
            self._to = to

    def _say(self, frame: object) -> None:
        payload = msgpack.packb(frame)
        size = len(payload)
        self.out += (bytes((size,)) if size < 128 else bytes((size & 127 | 128, size >> 7))) + payload
