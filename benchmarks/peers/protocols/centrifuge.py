"""Centrifuge's JSON protocol over WebSocket, as of Centrifugo 2: an inbox is a channel with a history.

A command is `{"id", "method", "params"}`; the reply has its id. A push is a reply without one. Several of
either may share a message, a line each. The methods used: 0 connect, 3 publish.
"""

import json
from typing import Any, Final

from benchmarks.peers.device import Device
from benchmarks.peers.protocols.websocket import CLOSE, PING, PONG, TEXT, WebSocket, frame

_CONNECT: Final = 1  #: the id of the first command of a connection; those of the outbox follow
_PUBLICATION: Final = 0


class CentrifugeDevice(Device):
    """Connects with the position it has in its inbox's history, which the server recovers from.

    Where that history is gone, it goes on at the position that the server names. What is told again is known
    by its offset.
    """

    def __init__(self, name: str, password: str) -> None:
        super().__init__(name)
        self._socket = WebSocket("/connection/websocket")
        self._channel = f"#{name}"
        self._token = f"{name}.{password}"
        self._epoch = ""
        self._offset = 0
        self._counter = _CONNECT

    def greet(self) -> None:
        self.out += self._socket.begin()

    def send(self, to: str, body: bytes) -> None:
        self._counter += 1
        self.outbox[self._counter] = (to, body)
        if self.attached:
            self._publish(self._counter)

    def ping(self) -> None:
        """It is the server that asks, every 25 s."""

    def receive(self, data: bytes) -> None:
        for opcode, payload in self._socket.receive(data):
            if opcode == TEXT:
                for line in payload.splitlines():
                    self._take(json.loads(line))
            elif opcode == PING:
                self.out += frame(payload, PONG)
                self.pongs += 1
            elif opcode == CLOSE:
                # Also when the server finds that it left out a publication: come back at once and recover it.
                self.unreadable = f"the server closed: {payload[2:].decode()}"
            elif opcode == 0:
                self._connect()
        self.unreadable = self.unreadable or self._socket.failed

    def _connect(self) -> None:
        params: dict[str, Any] = {"token": self._token}
        if self._epoch:
            position = {"recover": True, "epoch": self._epoch, "offset": self._offset}
            params["subs"] = {self._channel: position}
        self._say({"id": _CONNECT, "params": params})

    def _take(self, reply: dict[str, Any]) -> None:
        if "error" in reply:
            self.unreadable = f"error: {reply['error']}"
        elif "id" not in reply:
            push = reply["result"]
            if push.get("type", _PUBLICATION) == _PUBLICATION:
                self._publication(push["data"])
        elif reply["id"] == _CONNECT:
            self._connected(reply["result"]["subs"][self._channel])
        else:
            self.acked.append(self.outbox.pop(reply["id"])[1])

    def _connected(self, inbox: dict[str, Any]) -> None:
        if inbox.get("recovered"):
            for publication in inbox.get("publications", ()):
                self._publication(publication)
        else:
            self._epoch, self._offset = inbox["epoch"], inbox.get("offset", 0)
        self.attached = True
        for number in self.outbox:
            self._publish(number)

    def _publication(self, publication: dict[str, Any]) -> None:
        if publication["offset"] > self._offset:
            self._offset = publication["offset"]
            self.received.append(publication["data"].encode())

    def _publish(self, number: int) -> None:
        to, body = self.outbox[number]
        self._say({"id": number, "method": 3, "params": {"channel": f"#{to}", "data": body.decode()}})

    def _say(self, command: dict[str, Any]) -> None:
        self.out += frame(json.dumps(command, separators=(",", ":")).encode())
