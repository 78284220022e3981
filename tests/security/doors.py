"""A server's listeners on loopback: tcp, ws and http, over stores in memory, in virtual time."""

import socket
from functools import partial
from urllib.parse import urlsplit

import trio
import trio.testing

from improtocol import NEED_DATA, Connection, Side, frames
from improtocol.frames import Frame
from imserver.core import Core, TokenVerifier
from imserver.gateway import Gateway, GatewayLimits, Listener
from imserver.http import serve
from imserver.http.server import bind
from imserver.storage.memory import MemoryStore
from imserver.storage.store import AppKey
from tests.http.house import House as HttpHouse
from tests.shop import shop_token

KEY = b"k" * 32
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OUFCQ0RFRg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Wire:
    """A peer's end of a connection, byte by byte."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.connection = Connection(Side.CLIENT)

    async def send(self, data: bytes) -> bool:
        """Send `data`; False when the server has hung up."""
        try:
            await self.stream.send_all(data)
        except trio.BrokenResourceError:
            return False
        return True

    async def say(self, *said: Frame) -> None:
        await self.stream.send_all(b"".join(map(self.connection.send, said)))

    async def hear(self) -> Frame | None:
        """The next frame, None when the server has hung up."""
        while (frame := self.connection.next_event()) is NEED_DATA:
            data = await self.read()
            if not data:
                return None
            self.connection.receive_data(data)
        return frame  # type: ignore[return-value]

    async def read(self) -> bytes:
        """What arrives next, b"" when the server has hung up."""
        try:
            return bytes(await self.stream.receive_some(65536))
        except trio.BrokenResourceError:
            return b""

    async def read_all(self) -> bytes:
        """Everything up to the server's end."""
        heard = b""
        while data := await self.read():
            heard += data
        return heard


class Doors:
    """The listeners. Time is a `MockClock` that moves only when the test says so."""

    def __init__(self, limits: GatewayLimits | None = None) -> None:
        self.store = MemoryStore(epoch=77)
        self.core = Core(self.store, TokenVerifier())
        listeners = [Listener(url=f"{scheme}://127.0.0.1:0") for scheme in ("tcp", "ws")]
        self.gateway = Gateway(self.core, listeners, limits=limits)
        self.http = HttpHouse()
        self.ports: dict[str, int] = {}
        self._open: list[trio.SocketStream] = []

    async def open(self, nursery: trio.Nursery) -> "Doors":
        app = await self.store.put_app("shop", now_ms=1, media_bytes_max=10**9)
        await self.store.put_key(AppKey(app=app.id, kid="1", algorithm="HS256", key=KEY, created_ms=1))
        await nursery.start(self.core.run)
        urls: list[str] = await nursery.start(self.gateway.run)
        self.ports = {urlsplit(url).scheme: urlsplit(url).port or 0 for url in urls}
        self.ports["http"] = await nursery.start(partial(serve, self.http.app, bind("127.0.0.1", 0)))
        return self

    def token(self, user: str) -> str:
        return shop_token(user, KEY)

    async def dial(self, door: str = "tcp", *, source: str = "127.0.0.1") -> Wire:
        sock = trio.socket.socket()
        await sock.bind((source, 0))
        await sock.connect(("127.0.0.1", self.ports[door]))
        stream = trio.SocketStream(sock)
        self._open.append(stream)
        return Wire(stream)

    async def login(self, user: str, device: str = "phone") -> tuple[Wire, frames.Connected]:
        wire = await self.dial()
        await wire.say(frames.Connect(token=self.token(user), device=device))
        connected = await wire.hear()
        assert isinstance(connected, frames.Connected), connected
        return wire, connected

    async def pass_time(self, seconds: float, step_s: float = 0.5) -> None:
        """Let `seconds` pass, in steps short enough for every tick to run."""
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, trio.testing.MockClock)
        for _ in range(round(seconds / step_s)):
            clock.jump(step_s)
            await trio.testing.wait_all_tasks_blocked()

    def hang_up(self) -> None:
        """Close the peers' ends."""
        for stream in self._open:
            stream.socket.close()


def reset(wire: Wire) -> None:
    """Abort the connection: the server sees a reset."""
    wire.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wire.stream.socket.close()
