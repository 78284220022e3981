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
from dataclasses import dataclass, field
from pathlib import Path

_START_S_MAX = 20.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Server:
    """A running server: its process id, data directory and listeners' URLs by scheme."""

    pid: int
    data_dir: Path
    urls: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

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
        """A token for `user`, made by the `token` command once and then for others by the same key."""
        if not self.tokens:
            self.tokens["key"] = ""
        return _sign(self.data_dir, user)


def _sign(data_dir: Path, user: str) -> str:
    from imserver.core import sign_token

    cached = _KEYS.get(data_dir)
    if cached is None:
        cached = _KEYS[data_dir] = _read_key(data_dir)
    app, kid, key = cached
    return sign_token(
        app=app, user=user, kid=kid, algorithm="HS256", key=key, now_s=int(time.time()), lifetime_s=3600
    )


_KEYS: dict[Path, tuple[str, str, bytes]] = {}


def _read_key(data_dir: Path) -> tuple[str, str, bytes]:
    import sqlite3

    with sqlite3.connect(f"file:{data_dir / 'imserver.db'}?mode=ro", uri=True) as db:
        row = db.execute(
            "SELECT app.name, app_key.kid, app_key.key FROM app_key JOIN app ON app.id = app_key.app LIMIT 1"
        ).fetchone()
    return row[0], row[1], bytes(row[2])


@contextmanager
def running(*, listen: tuple[str, ...] = ("tcp://127.0.0.1:0",), data_dir: Path | None = None) -> Iterator[Server]:
    """A server on free ports of 127.0.0.1, ended by its pid at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="imserver-bench-") as folder:
        data = data_dir or Path(folder) / "data"
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "imserver", "serve", "--data-dir", str(data), "--ready-file", str(ready)]
        for url in listen:
            command += ["--listen", url]
        command += ["--http", "http://127.0.0.1:0", "--config", str(_config(Path(folder)))]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
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
    urls = json.loads(ready.read_text())["listeners"]
    return {url.partition(":")[0]: url for url in urls}
