"""Real processes: a server and apps, started, stopped, killed and asked what they have seen."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cli.house import Cli, Server, environment

PATIENCE_S = 40
#: Short, so that a test sees them pass: a silent peer is given up after 3 s.
SHORT = {
    "IMSERVER_GATEWAY__HANDSHAKE_S_MAX": "2",
    "IMSERVER_GATEWAY__IDLE_S_MAX": "3",
    "IMSERVER_GATEWAY__BLOCKED_S_MAX": "2",
    "IMSERVER_DRAIN_S": "0",
}


class App:
    """A process with the SDK, and what it has told so far."""

    def __init__(self, arguments: Sequence[str], prefix: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.real_world.app", *arguments],
            cwd=Path(__file__).parents[2],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.told: list[dict[str, Any]] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def tell(self, **order: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def send(self, *texts: str) -> None:
        for text in texts:
            self.tell(send=text)

    def until(self, event: str, count: int = 1, **facts: object) -> list[dict[str, Any]]:
        """Wait until `count` such events were told, over its whole life; all of them."""
        end_s = time.monotonic() + PATIENCE_S
        while len(found := self.of(event, **facts)) < count:
            try:
                line = self._lines.get(timeout=max(0.01, end_s - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {event} {facts} x{count}; last: {self.told[-5:]}") from None
            assert line is not None, f"the app has ended; last: {self.told[-5:]}"
            self.told.append(json.loads(line))
        return found

    def of(self, event: str, **facts: object) -> list[dict[str, Any]]:
        return [one for one in self.told if one["event"] == event and facts.items() <= one.items()]

    def texts(self) -> list[str]:
        """The messages of others, in the order in which they were shown."""
        return [one["text"] for one in self.of("message", own=False)]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, also when it is stopped."""
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        while (line := self._lines.get()) is not None:
            self.told.append(json.loads(line))
        self._lines.put(None)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class Stage:
    """A folder with a server's data directory and those of apps; the server keeps its port over restarts."""

    def __init__(self, folder: Path, data_dir: Path | None = None, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.data_dir = data_dir or folder / "server"
        self.host = host
        self.cli = Cli(folder)
        self.url = f"tcp://{host}:0"
        self._tokens: dict[str, str] = {}

    @contextmanager
    def server(self, **extra: str) -> Iterator[Server]:
        flags = ("--listen", self.url, "--http", "http://127.0.0.1:0", "--data-dir", str(self.data_dir))
        plain = () if self.host == "127.0.0.1" else ("--allow-plaintext",)
        with Server(self.folder, *flags, *plain, env=SHORT | extra) as server:
            self.url = server.ready["listen"][0]
            yield server

    def app(self, user: str, peer: str, data_dir: Path | None = None, prefix: Sequence[str] = ()) -> App:
        if user not in self._tokens:
            self._tokens[user] = self.cli.says("token", user, "--data-dir", str(self.data_dir)).strip()
        return App([self.url, self._tokens[user], str(data_dir or self.folder / user), peer], prefix)

    def verified(self) -> None:
        """The data directory is whole: dense, deduplicated, complete logs."""
        self.cli.says("verify", "--data-dir", str(self.data_dir))


def fill(folder: Path, leave_bytes: int = 0) -> Path:
    """Leave no room in `folder`'s file system but about `leave_bytes`."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        os.ftruncate(file.fileno(), max(0, file.tell() - leave_bytes))
    return filler
