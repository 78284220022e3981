"""The tool's own server: the real `imserver serve` in its own process and data directory."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from imload.certificates import make_certificate
from imload.processes import usage_of
from imload.tokens import TokenSigner

_START_S_MAX: Final = 20.0
#: Admission control off: the generator is the storm.
UNTHROTTLED: Final = {
    "core.connects_per_s": 100_000.0,
    "core.connects_burst": 100_000.0,
    "core.resumes_per_s": 100_000.0,
    "core.resumes_burst": 100_000.0,
}


class OwnServer:
    """A server that can be ended and started again on the same ports, with the same data.

    Args:
        folder: for its data, configuration and certificate.
        listen: URLs; port 0 takes any, and keeps it from then on.
        settings: dotted keys of its configuration.
        data_dir: its data; None: in `folder`.
    """

    def __init__(
        self,
        folder: Path,
        listen: tuple[str, ...],
        settings: Mapping[str, Any],
        data_dir: Path | None = None,
    ) -> None:
        self.data_dir = data_dir or folder / "data"
        self.authority: Path | None = None
        self.urls: dict[str, str] = {}
        self._ready = folder / "ready.json"
        self._config = folder / "imload-server.toml"
        self._listen = listen
        self._http = "http://127.0.0.1:0"
        self._options: list[str] = []
        if any(urlsplit(url).scheme in ("tls", "wss") for url in listen):
            certificate, key = make_certificate(folder)
            self.authority = certificate
            self._options = ["--tls-certificate", str(certificate), "--tls-key", str(key)]
        self._config.write_text(_toml(settings))
        self._process: subprocess.Popen[bytes] | None = None
        self._signer: TokenSigner | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs at the moment, or ran last."""
        assert self._process is not None
        return self._process.pid

    def launch(self) -> None:
        """Start the process; does not wait."""
        command = [sys.executable, "-m", "imserver", "serve", "--data-dir", str(self.data_dir)]
        command += ["--ready-file", str(self._ready), "--config", str(self._config), "--log-level", "error"]
        for url in self.urls.values() or self._listen:
            command += ["--listen", url]
        command += ["--http", self._http, *self._options]
        self._ready.unlink(missing_ok=True)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def wait_ready(self) -> None:
        """Return once it accepts.

        Raises:
            RuntimeError: it ended, or was not ready in time.
        """
        assert self._process is not None
        deadline = time.monotonic() + _START_S_MAX
        while not self._ready.exists():
            if self._process.poll() is not None:
                raise RuntimeError(
                    f"the server ended with code {self._process.returncode} before it was ready"
                )
            if time.monotonic() > deadline:
                raise RuntimeError("the server was not ready in time")
            time.sleep(0.02)
        bound = json.loads(self._ready.read_text())
        self.urls = {url.partition(":")[0]: url for url in bound["listen"]}
        self._http = bound["http"]

    def end(self, *, kill: bool) -> None:
        """SIGKILL, or SIGTERM; does not wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process is None or self._process.poll() is not None

    def close(self, within_s: float = 10.0) -> None:
        """End the process for good, by SIGTERM, and by SIGKILL once `within_s` is over."""
        if self._process is None:
            return
        self.end(kill=within_s <= 0)
        try:
            self._process.wait(max(within_s, 1.0))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def signer(self) -> TokenSigner:
        """Makes tokens, once the server has been ready."""
        if self._signer is None:
            self._signer = TokenSigner.of_data_dir(self.data_dir)
        return self._signer

    def token(self, user: str) -> str:
        """A token for `user`."""
        return self.signer(user)

    def cpu_s(self) -> float:
        """CPU seconds of the process tree so far."""
        usage = usage_of(self.pid)
        if usage is None:
            raise RuntimeError("the server's figures cannot be read from /proc")
        return usage.cpu_s

    def memory_kib(self) -> float:
        """Proportional set size of the process tree."""
        usage = usage_of(self.pid)
        if usage is None:
            raise RuntimeError("the server's figures cannot be read from /proc")
        return usage.memory_kib


@contextmanager
def running(
    *,
    listen: tuple[str, ...] = ("tcp://127.0.0.1:0",),
    data_dir: Path | None = None,
    settings: Mapping[str, Any] = UNTHROTTLED,
    end_within_s: float = 0,
) -> Iterator[OwnServer]:
    """A server on free ports of 127.0.0.1, ended by its pid at the end of the block.

    It is killed, or with `end_within_s` asked to end first, so that it writes what it still holds.
    """
    with tempfile.TemporaryDirectory(prefix="imload-") as folder:
        server = OwnServer(Path(folder), listen, settings, data_dir)
        server.launch()
        try:
            server.wait_ready()
            yield server
        finally:
            server.close(end_within_s)


def _toml(settings: Mapping[str, Any]) -> str:
    """`settings` as TOML: plain keys first, then a table for each prefix."""
    tables: dict[str, list[str]] = {"": []}
    for key, value in settings.items():
        table, _, name = key.rpartition(".")
        tables.setdefault(table, []).append(f"{name} = {json.dumps(value)}")
    plain = tables.pop("")
    parts = [*plain, *(f"[{table}]\n" + "\n".join(lines) for table, lines in tables.items())]
    return "\n".join(parts) + "\n"
