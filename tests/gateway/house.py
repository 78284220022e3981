"""A gateway on loopback over a core in memory, and peers that speak to it byte by byte."""

import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import trio
import trio.testing
from websockets.client import ClientProtocol
from websockets.frames import Frame as WsFrame
from websockets.uri import parse_uri

from improtocol import NEED_DATA, Body, Connection, Side, Text, frames
from improtocol import commands as c
from improtocol.frames import Frame
from imserver.core import Core, CoreLimits, TokenVerifier
from imserver.gateway import Gateway, GatewayLimits, Listener
from imserver.gateway.link import SocketLink
from imserver.gateway.pump import Pump
from imserver.storage.memory import MemoryStore
from imserver.storage.store import AppKey
from tests.shop import shop_token

KEY = b"k" * 32
SCHEMES = ("tcp", "tls", "ws", "wss")


def post(conversation: int | str, text: str) -> c.Post:
    return c.Post(conversation=conversation, body=Body(content=Text(text)))


class Peer:
    """A client's end of one connection."""

    def __init__(self, stream: trio.abc.Stream, ws: ClientProtocol | None) -> None:
        self.stream = stream
        self.ws = ws
        self.connection = Connection(Side.CLIENT)
        self.counter = 0
        self.closed_by_peer = False
        self.pongs = 0

    def encode(self, *said: Frame) -> bytes:
        """The bytes that travel for `said`."""
        data = b"".join(self.connection.send(frame) for frame in said)
        return self.wrap(data)

    def wrap(self, data: bytes) -> bytes:
        if self.ws is None:
            return data
        self.ws.send_binary(data)
        return b"".join(self.ws.data_to_send())

    async def say(self, *said: Frame) -> None:
        await self.stream.send_all(self.encode(*said))

    async def do(self, *actions: c.Action) -> None:
        first, self.counter = self.counter + 1, self.counter + len(actions)
        await self.say(*(frames.Command(counter=first + n, action=a) for n, a in enumerate(actions)))

    async def hear(self, kind: type[Frame] | None = None) -> Any:
        """The next frame (of `kind`, if given); None when the server has hung up."""
        while True:
            frame = self.connection.next_event()
            if frame is NEED_DATA:
                data = await self.hear_bytes()
                if data is None:
                    return None
                self.connection.receive_data(data)
            elif kind is None or isinstance(frame, kind):
                return frame

    async def hear_bytes(self) -> bytes | None:
        """The next bytes of the pipe, b"" when there were none among those of the transport."""
        try:
            data = await self.stream.receive_some(65536)
        except trio.BrokenResourceError:
            data = b""
        if not data:
            self.closed_by_peer = True
            return None
        if self.ws is None:
            return bytes(data)
        self.ws.receive_data(data)
        payload = b""
        for event in self.ws.events_received():
            if isinstance(event, WsFrame) and event.opcode.name in {"BINARY", "CONT"}:
                payload += event.data
            elif isinstance(event, WsFrame) and event.opcode.name == "PONG":
                self.pongs += 1
        assert self.ws.parser_exc is None, self.ws.parser_exc
        return payload

    async def hear_end(self) -> None:
        """Read until the server has hung up."""
        while await self.hear() is not None:
            pass

    async def login(self, house: "GatewayHouse", user: str, device: str = "phone") -> frames.Connected:
        await self.say(frames.Connect(token=house.token(user), device=device))
        answer = await self.hear()
        assert isinstance(answer, frames.Connected), answer
        return answer


class GatewayHouse:
    """One server in this process. Time is a `MockClock` that moves only when the test says so."""

    def __init__(
        self,
        client_tls: ssl.SSLContext,
        server_tls: ssl.SSLContext,
        limits: GatewayLimits | None = None,
    ) -> None:
        self.client_tls = client_tls
        self.server_tls = server_tls
        self.limits = limits or GatewayLimits()
        self.store = MemoryStore(epoch=77)
        self.core = Core(self.store, TokenVerifier(), limits=CoreLimits())
        self.gateway = Gateway(
            self.core,
            [Listener(url=f"{scheme}://127.0.0.1:0", ssl_context=server_tls) for scheme in SCHEMES],
            limits=self.limits,
        )
        self.urls: dict[str, str] = {}
        self._sockets: list[trio.socket.SocketType] = []

    async def open(self, nursery: trio.Nursery) -> "GatewayHouse":
        app = await self.store.put_app("shop", now_ms=1, media_bytes_max=10**9)
        await self.store.put_key(AppKey(app=app.id, kid="1", algorithm="HS256", key=KEY, created_ms=1))
        await nursery.start(self.core.run)
        urls = await nursery.start(self.gateway.run)
        self.urls = dict(zip(SCHEMES, urls, strict=True))
        return self

    @property
    def pump(self) -> Pump:
        assert self.gateway._pump is not None
        return self.gateway._pump

    def token(self, user: str) -> str:
        return shop_token(user, KEY)

    async def dial(self, scheme: str = "tcp", *, receive_bytes: int = 0, handshake: bool = True) -> Peer:
        """A connection, its TLS and WebSocket handshakes done."""
        parts = urlsplit(self.urls[scheme])
        assert parts.port is not None
        sock = trio.socket.socket()
        self._sockets.append(sock)
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        await sock.connect(("127.0.0.1", parts.port))
        stream: trio.abc.Stream = trio.SocketStream(sock)
        if not handshake:
            return Peer(stream, None)
        if scheme in {"tls", "wss"}:
            stream = trio.SSLStream(
                stream, self.client_tls, server_hostname="localhost", https_compatible=False
            )
        if scheme not in {"ws", "wss"}:
            return Peer(stream, None)
        ws = ClientProtocol(parse_uri(f"ws://localhost:{parts.port}/"), max_size=64 * 1024)
        peer = Peer(stream, ws)
        ws.send_request(ws.connect())
        await stream.send_all(b"".join(ws.data_to_send()))
        while ws.state.name == "CONNECTING":
            ws.receive_data(await stream.receive_some(65536))
            ws.events_received()
        return peer

    def hang_up(self) -> None:
        """Close the peers' ends of all connections."""
        for sock in self._sockets:
            sock.close()

    async def link_of(self, peer: Peer) -> SocketLink:
        """The server's end of the newest connection."""
        await trio.testing.wait_all_tasks_blocked()
        return max(self.pump.links, key=lambda link: link.socket.fileno())

    async def pass_time(self, seconds: float) -> None:
        """Let `seconds` pass, in steps short enough for every tick to run."""
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, trio.testing.MockClock)
        left_s = seconds
        while left_s > 0:
            clock.jump(min(1.0, left_s))
            left_s -= 1.0
            await trio.testing.wait_all_tasks_blocked()
