"""A measured server: its process tree's CPU time and memory, by /proc; started, killed, started again."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imload.processes import Usage, tree_of, usage_of

_PORTS = range(20_000, 32_000)
_PORT_TRIES = 100
_START_S_MAX = 90.0
_KILL_S_MAX = 10.0
_SETTLE_S_MAX = 6.0
_SETTLE_TURN_S = 0.25
#: CPU in such a turn that counts as standing still: what timers of an idle server take.
_SETTLED_S = 0.01


def free_port() -> int:
    """A port that nobody has at the moment, on any of this machine's addresses.

    Not one of those that Linux gives to outgoing connections: a load has thousands of them, from addresses of
    its own, and RabbitMQ, which tries its port on all addresses, then finds every other one taken.

    Raises:
        RuntimeError: none was found.
    """
    for port in random.sample(_PORTS, _PORT_TRIES):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port
    raise RuntimeError(f"none of {_PORT_TRIES} ports is free")


@dataclass(slots=True)
class Server:
    """A running server.

    Args:
        process: the root of its process tree.
        address: where clients connect.
        extra: whatever the peer's devices need to know of it.
    """

    process: "subprocess.Popen[bytes]"
    address: tuple[str, int]
    extra: dict[str, Any] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """User and system CPU seconds of the whole tree so far, of ended and reaped children too."""
        return self._usage().cpu_s

    def memory_kib(self) -> float:
        """Proportional set size of the whole tree in KiB: pages shared with other processes are divided."""
        return self._usage().memory_kib

    def _usage(self) -> Usage:
        usage = usage_of(self.process.pid)
        if usage is None:
            raise RuntimeError("the server is gone")
        return usage

    def settle(self) -> None:
        """Wait until the server has nothing more to do: its CPU time stands still, or 6 seconds passed."""
        deadline = time.monotonic() + _SETTLE_S_MAX
        before = self.cpu_s()
        while time.monotonic() < deadline:
            time.sleep(_SETTLE_TURN_S)
            after = self.cpu_s()
            if after - before <= _SETTLED_S:
                return
            before = after

    def kill(self) -> None:
        """SIGKILL to the root and all its descendants; returns when they are gone."""
        pids = tree_of(self.process.pid)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + _KILL_S_MAX
        while any(map(_alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.01)


def launch(
    command: Sequence[str],
    *,
    folder: Path,
    port: int,
    env: Mapping[str, str] | None = None,
    ready: Callable[[], bool] | None = None,
) -> Server:
    """Start a server whose clients connect to 127.0.0.1:`port`; its output goes to `server.log` in `folder`.

    Args:
        command: program and arguments.
        folder: its working directory.
        port: it is up once this port accepts.
        env: variables on top of the present ones.
        ready: asked after that, until it is true.

    Raises:
        RuntimeError: it ended, or did not come up in time; with the last line it wrote.
    """
    log = folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    server = Server(process, ("127.0.0.1", port))
    deadline = time.monotonic() + _START_S_MAX
    while not (_accepts(port) and (ready is None or ready())):
        if process.poll() is not None or time.monotonic() > deadline:
            server.kill()
            last = (log.read_text(errors="replace").strip().splitlines() or ["(nothing)"])[-1]
            raise RuntimeError(f"{Path(command[0]).name} did not come up; the last it wrote: {last}")
        time.sleep(0.02)
    return server


def _alive(pid: int) -> bool:
    """Neither gone nor a zombie that somebody else has to reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
