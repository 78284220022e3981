"""The processes of the demo: the server and the apps, started, listened to, killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import trio

__all__ = ["AppProcess", "Broken", "ServerProcess"]

_START_S_MAX: Final = 20.0
_STOP_S_MAX: Final = 10.0
_LOOK_S: Final = 0.02
_STDERR_LINES: Final = 12


class Broken(Exception):
    """A process did what it must not: ended by itself, or did not begin."""


def _environment() -> dict[str, str]:
    """Ours, without what would configure a server that is not the demo's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("IMSERVER_")}


class _Process:
    """One child process at a time; its stderr goes to a file that grows through its lives."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: trio.Process | None = None
        self._killed = False

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return None if self._process is None else self._process.pid

    async def _open(
        self, command: Sequence[str], environment: Mapping[str, str], *, piped: bool
    ) -> trio.Process:
        pipe = subprocess.PIPE if piped else subprocess.DEVNULL
        with self.log.open("ab") as log:
            self._process = await trio.lowlevel.open_process(
                [sys.executable, "-P", "-m", *command],
                stdin=pipe,
                stdout=pipe,
                stderr=log,
                env={**_environment(), **environment},
                # Ctrl-C is for the stage: it ends the others in order.
                start_new_session=True,
            )
        self._killed = False
        return self._process

    def kill_now(self) -> None:
        """SIGKILL, at this very moment; `end` still has to be awaited."""
        self._killed = True
        if self._process is not None:
            self._process.kill()

    async def end(self, how: signal.Signals) -> int:
        """Send a signal and wait for the end; what does not end in time is killed. Returns the exit code."""
        process, self._process = self._process, None
        self._killed = True
        if process is None:
            return 0
        with trio.CancelScope(shield=True):
            if process.poll() is None:
                process.send_signal(how)
            with trio.move_on_after(_STOP_S_MAX) as scope:
                await process.wait()
            if scope.cancelled_caught:
                process.kill()
            code = await process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    await pipe.aclose()
        return code

    def _complaint(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_STDERR_LINES:]
        return "\n".join((f"{self.name} ended by itself; the last lines of its log:", *lines))


class ServerProcess(_Process):
    """`imserver serve` on a data directory, always on the same ports once they are known."""

    def __init__(self, folder: Path, public_url: str) -> None:
        super().__init__("server", folder / "server.log")
        self.data_dir = folder / "server"
        self._ready = folder / "ready.json"
        self._public_url = public_url
        self.chat_port = 0
        self.http_port = 0
        self.starts = 0

    async def start(self, nursery: trio.Nursery) -> None:
        """Start and wait until it listens; `nursery` raises `Broken` should it end by itself.

        Raises:
            Broken: it does not begin.
        """
        self._ready.unlink(missing_ok=True)
        command = (
            *("imserver", "serve", "--data-dir", str(self.data_dir)),
            *("--listen", f"tcp://127.0.0.1:{self.chat_port}"),
            *("--http", f"http://127.0.0.1:{self.http_port}"),
            *("--http-public-url", self._public_url),
            *("--ready-file", str(self._ready)),
        )
        process = await self._open(command, {}, piped=False)
        self.starts += 1
        with trio.move_on_after(_START_S_MAX):
            while not self._ready.exists():
                if process.poll() is not None:
                    raise Broken(self._complaint())
                await trio.sleep(_LOOK_S)
            self._learn_ports(json.loads(self._ready.read_text(encoding="utf-8")))
            nursery.start_soon(self._watch, process)
            return
        raise Broken(self._complaint())

    async def _watch(self, process: trio.Process) -> None:
        await process.wait()
        if self._process is process and not self._killed:
            raise Broken(self._complaint())

    def _learn_ports(self, ready: dict[str, Any]) -> None:
        self.chat_port = int(ready["listen"][0].rpartition(":")[2])
        self.http_port = int(ready["http"].rpartition(":")[2])


class AppProcess(_Process):
    """An app: orders in, events out."""

    def __init__(
        self, folder: Path, *, user: str, peer: str, token: str, chat_port: int, media_port: int
    ) -> None:
        super().__init__(user, folder / f"{user}.log")
        self.user = user
        self.journal = folder / f"{user}.journal"
        self._token = token
        self._command = (
            *("imserver.demo.app_process", "--user", user, "--peer", peer),
            *("--url", f"tcp://127.0.0.1:{chat_port}", "--media-port", str(media_port)),
            *("--data-dir", str(folder / user), "--journal", str(self.journal)),
        )
        self.up = trio.Event()
        self._speaking = trio.Lock()
        self._temporary = folder / "tmp"
        self._temporary.mkdir(exist_ok=True)

    async def start(self, nursery: trio.Nursery, listen: Callable[[str, dict[str, Any]], None]) -> None:
        """Start; `listen` gets (user, event) for every event until it ends."""
        # A token is a secret, and a command line can be read by every user of the machine.
        # A killed app leaves temporary files behind; there they go with the run.
        environment = {"IMSERVER_DEMO_TOKEN": self._token, "TMPDIR": str(self._temporary)}
        process = await self._open(self._command, environment, piped=True)
        nursery.start_soon(self._listen, process, listen)
        self.up.set()

    async def _listen(self, process: trio.Process, listen: Callable[[str, dict[str, Any]], None]) -> None:
        assert process.stdout is not None
        buffer = bytearray()
        try:
            while data := await process.stdout.receive_some():
                buffer += data
                *lines, rest = buffer.split(b"\n")
                buffer = bytearray(rest)
                for line in lines:
                    listen(self.user, json.loads(line))
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            return
        if self._process is process and not self._killed:
            raise Broken(self._complaint())

    async def order(self, order: Mapping[str, object]) -> None:
        """Tell it to do something. An app that is down hears nothing."""
        process = self._process
        if process is None or process.stdin is None:
            return
        # The dialogue and an incident may speak at the same time.
        async with self._speaking:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await process.stdin.send_all(json.dumps(order, ensure_ascii=False).encode() + b"\n")

    def kill_now(self) -> None:
        self.up = trio.Event()
        super().kill_now()

    async def end(self, how: signal.Signals) -> int:
        self.up = trio.Event()
        return await super().end(how)
