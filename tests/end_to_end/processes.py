"""Real processes: `imserver serve`, and apps that use the SDK. Started, listened to, killed."""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import trio

import imsdk
from imsdk import Client, Message

START_S_MAX = 20


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("IMSERVER_")}


class Eager(Random):
    """Draws short delays: what is tested is that clients come back, not how long they wait."""

    def random(self) -> float:
        return 0.02


class Server:
    """A server on one data directory; from its second start on it has the ports of its first."""

    def __init__(self, folder: Path, certificate: tuple[Path, Path], *options: str) -> None:
        self.folder = folder
        self.data_dir = folder / "server"
        self._certificate = certificate
        self._options = options
        self.urls = {scheme: f"{scheme}://127.0.0.1:0" for scheme in ("tcp", "tls", "ws", "wss")}
        self.http = "http://127.0.0.1:0"
        self.public_url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "server.log"
        self.tls = ssl.create_default_context(cafile=str(certificate[0]))

    async def start(self) -> "Server":
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "imserver", "serve", "--data-dir", str(self.data_dir)]
        for url in self.urls.values():
            command += ["--listen", url]
        command += ["--http", self.http, "--ready-file", str(ready), "--log-level", "warning"]
        if self.public_url:
            command += ["--http-public-url", self.public_url]
        chain, key = self._certificate
        command += ["--tls-certificate", str(chain), "--tls-key", str(key), "--drain-s", "1", *self._options]
        with self.log.open("ab") as log:
            # Not trio's: it must be killable from a fixture's end, outside of any run.
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment())  # noqa: ASYNC220
        with trio.fail_after(START_S_MAX):
            while not ready.exists():
                assert self.process.poll() is None, self.log.read_text()
                await trio.sleep(0.02)
        bound = json.loads(ready.read_text())
        self.urls = dict(zip(self.urls, bound["listen"], strict=True))
        self.http = bound["http"]
        return self

    async def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return await trio.to_thread.run_sync(self.process.wait)

    async def kill(self) -> None:
        """SIGKILL: nothing is said, flushed or closed."""
        await self.end(signal.SIGKILL)

    async def call(self, *arguments: str) -> str:
        """Run another `imserver` command on the data directory."""
        done = await trio.run_process(
            [sys.executable, "-m", "imserver", *arguments, "--data-dir", str(self.data_dir)],
            capture_stdout=True,
            capture_stderr=True,
            env=environment(),
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
        return done.stdout.decode().strip()

    async def token(self, user: str) -> str:
        return await self.call("token", user)

    def stop_now(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @contextlib.asynccontextmanager
    async def client(
        self,
        user: str,
        scheme: str = "tcp",
        *,
        data_dir: Path | None = None,
        url: str | None = None,
        device: str | None = None,
        clock_ahead_ms: int = 0,
    ) -> AsyncIterator[Client]:
        """A client of the SDK in this process."""
        context = self.tls if scheme in {"tls", "wss"} else None
        token = await self.token(user)
        async with imsdk.connect(
            url or self.urls[scheme],
            token=token,
            data_dir=data_dir,
            device=device,
            ssl_context=context,
            rng=Eager(),
            now_ms=lambda: time.time_ns() // 1_000_000 + clock_ahead_ms,
        ) as client:
            yield client


class App:
    """An app process (`app.py` beside this file): told on stdin, heard on stdout, killed at will."""

    def __init__(self, server: Server, user: str, data_dir: Path, scheme: str = "tcp") -> None:
        self.server = server
        self.user = user
        self.data_dir = data_dir
        self.scheme = scheme
        self.token = ""
        self.process: trio.Process | None = None
        self._buffer = b""

    async def open(self, url: str | None = None) -> "App":
        self.token = self.token or await self.server.token(self.user)
        certificate = str(self.server._certificate[0])
        url = url or self.server.urls[self.scheme]
        self._buffer = b""
        self.process = await trio.lowlevel.open_process(
            [
                *(sys.executable, str(Path(__file__).with_name("app.py"))),
                *(url, self.token, str(self.data_dir), certificate),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        return self

    async def tell(self, **order: Any) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        await self.process.stdin.send_all(json.dumps(order).encode() + b"\n")

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next report of this kind; others are skipped."""
        assert self.process is not None
        assert self.process.stdout is not None
        while True:
            while b"\n" not in self._buffer:
                data = await self.process.stdout.receive_some()
                assert data, f"{self.user}'s app has ended"
                self._buffer += data
            line, self._buffer = self._buffer.split(b"\n", 1)
            report: dict[str, Any] = json.loads(line)
            if report["kind"] == kind:
                return report

    async def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                await pipe.aclose()
        self.process = None


async def collect(client: Client, count: int) -> list[Message]:
    """The first `count` messages of others, each marked as done."""
    found: list[Message] = []
    async for message in client.messages():
        if not message.own:
            found.append(message)
        await client.done(message)
        if len(found) >= count:
            break
    return found
