"""The measured server: the real `imserver serve` in its own process and data directory."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imserver.app.administration import make_token

_START_S_MAX = 20.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Server:
    """A running server: its process id, data directory and listeners' URLs by scheme."""

    pid: int
    data_dir: Path
    urls: dict[str, str]

    def cpu_s(self) -> float:
        """User and system CPU seconds of the process and its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def memory_kib(self) -> float:
        """Proportional set size in KiB: what the process alone holds, shared pages divided."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return float(line.split()[1])
        raise RuntimeError("no Pss in smaps_rollup")

    def token(self, user: str) -> str:
        """A token for `user`, as the `token` command makes it."""
        return make_token(self.data_dir, user=user, app=None, days=1)


@contextmanager
def running(
    *, listen: tuple[str, ...] = ("tcp://127.0.0.1:0",), data_dir: Path | None = None
) -> Iterator[Server]:
    """A server on free ports of 127.0.0.1, ended by its pid at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="imserver-bench-") as folder:
        data = data_dir or Path(folder) / "data"
        ready = Path(folder) / "ready.json"
        command = [
            sys.executable,
            "-m",
            "imserver",
            "serve",
            "--data-dir",
            str(data),
            "--ready-file",
            str(ready),
        ]
        for url in listen:
            command += ["--listen", url]
        command += [
            "--http",
            "http://127.0.0.1:0",
            "--config",
            str(_config(Path(folder))),
            "--log-level",
            "error",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield Server(process.pid, data, _wait_ready(process, ready))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()


def _config(folder: Path) -> Path:
    """Admission control off: the generator is the storm."""
    path = folder / "bench.toml"
    path.write_text("[core]\nconnects_per_s = 100000.0\nconnects_burst = 100000.0\n")
    return path


def _wait_ready(process: "subprocess.Popen[bytes]", ready: Path) -> dict[str, str]:
    deadline = time.monotonic() + _START_S_MAX
    while not ready.exists():
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise RuntimeError("the server was not ready in time")
        time.sleep(0.02)
    urls = json.loads(ready.read_text())["listen"]
    return {url.partition(":")[0]: url for url in urls}
