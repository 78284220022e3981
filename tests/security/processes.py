"""A real server process, watched from outside: memory, descriptors, and what its metrics say."""

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from improtocol import NEED_DATA, Connection, Side, frames
from improtocol.frames import Frame
from tests.cli.house import Cli, Server

LISTEN = (
    *("--listen", "tcp://127.0.0.1:0", "--listen", "ws://127.0.0.1:0", "--http", "http://127.0.0.1:0"),
    *("--drain-s", "0"),
)
MIB = 1024 * 1024


class Phone:
    """A blocking peer of the tcp listener."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=30)
        self.connection = Connection(Side.CLIENT)

    def say(self, *said: Frame) -> None:
        self.socket.sendall(b"".join(map(self.connection.send, said)))

    def hear(self, kind: type[Frame]) -> Frame:
        """The next frame of `kind`."""
        while True:
            while (frame := self.connection.next_event()) is NEED_DATA:
                data = self.socket.recv(65536)
                assert data, "the server has hung up"
                self.connection.receive_data(data)
            if isinstance(frame, kind):
                return frame

    def ping(self) -> None:
        """Is it served?"""
        self.say(frames.Ping())
        self.hear(frames.Pong)


class Watched:
    """A serving process and its figures."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.cli = Cli(folder)
        self.server = server
        self.process = psutil.Process(server.process.pid)
        self.tcp, self.ws = (self._place(url) for url in server.ready["listen"])
        self.http = self._place(server.ready["http"])

    def _place(self, url: str) -> tuple[str, int]:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def token(self, user: str) -> str:
        return self.cli.says("token", user).strip()

    def login(self, token: str, device: str = "phone") -> Phone:
        phone = Phone(self.tcp)
        phone.say(frames.Connect(token=token, device=device))
        phone.hear(frames.Connected)
        return phone

    def metric(self, name: str) -> float:
        return self.metrics()[f"imserver_{name}"]

    def metrics(self) -> dict[str, float]:
        """All metrics without labels."""
        text = (
            urllib.request.urlopen(f"{self.server.ready['operations']}/metrics", timeout=30).read().decode()
        )
        lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines if "{" not in name}

    def until_empty(self, connections: int = 0) -> None:
        """Wait until the server has noticed that everybody but `connections` has gone."""
        while self.metric("gateway_connections") > connections:
            pass

    def rss_bytes(self) -> int:
        return int(self.process.memory_info().rss)

    def peak_bytes(self) -> int:
        """The most that was resident since `forget_peak`."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the system tells no peak")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Watched]:
    """A server over a new data directory in `folder`."""
    with Server(folder, *LISTEN, *arguments) as server:
        yield Watched(folder, server)


def abort(sock: socket.socket) -> None:
    """Close with a reset, which leaves no TIME_WAIT behind."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
