"""This project's server."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.device import Device
from benchmarks.peers.peer import Peer, Promises
from benchmarks.peers.process import Server, free_port, launch
from benchmarks.peers.protocols.im1 import Im1Device
from benchmarks.peers.protocols.im1_websocket import Im1WebSocketDevice
from benchmarks.peers.rhythm import Rhythm
from imsdk.heartbeat import Heartbeat
from imserver.app.administration import make_token
from imserver.version import PYTHON_VERSION, SQLITE_VERSION, VERSION

_ROOT = Path(__file__).parents[3]
_COMPILED = _ROOT / "build" / "compiled"
_CONFIG = "[core]\nconnects_per_s = 100000.0\nconnects_burst = 100000.0\n"


class Imserver(Peer):
    """`imserver serve` over TCP, as installed."""

    key = "imserver"
    title = "imserver"
    configuration = (
        "defaults, the rate of first logins not limited; clients prove what they hold, as the SDK does"
    )
    promises = Promises(fsync_before_ack=True, resume_after_restart=True, once=True)
    environment: ClassVar[Mapping[str, str]] = {}
    scheme = "tcp"

    def rhythm(self) -> Rhythm:
        """The SDK's."""
        return Heartbeat(foreground=False)

    def missing(self) -> str:
        return ""

    def version(self) -> str:
        commit = _commit()
        built = f"{VERSION} ({commit})" if commit else VERSION
        return f"{built}, Python {PYTHON_VERSION}, SQLite {SQLITE_VERSION}"

    def start(self, folder: Path) -> Server:
        (folder / "config.toml").write_text(_CONFIG)
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)
        port = free_port()
        command = [
            sys.executable, "-m", "imserver", "serve",
            "--data-dir", str(folder / "data"),
            "--ready-file", str(ready),
            "--config", str(folder / "config.toml"),
            "--listen", f"{self.scheme}://127.0.0.1:{port}",
            "--http", "http://127.0.0.1:0",
            "--log-level", "error",
        ]  # fmt: skip
        server = launch(
            command, folder=folder, port=port, env=self.environment, ready=lambda: _written(ready)
        )
        server.extra["data_dir"] = folder / "data"
        return server

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del sends
        return Im1Device(name, _token(server, name))


class ImserverWebSocket(Imserver):
    """The same server, the same frames in messages of WebSocket."""

    key = "imserver-ws"
    title = "imserver, WebSocket"
    configuration = "as imserver, over WebSocket without TLS"
    scheme = "ws"

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del sends
        return Im1WebSocketDevice(name, _token(server, name))


class ImserverCompiled(Imserver):
    """The same sources, the hot modules compiled to C."""

    key = "imserver-compiled"
    title = "imserver, compiled"
    configuration = "as imserver, the hot modules compiled (`make compiled`)"
    environment: ClassVar[Mapping[str, str]] = {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(_COMPILED)}

    def missing(self) -> str:
        return "" if any(_COMPILED.glob("imserver/core/*.so")) else "not compiled: make compiled"


def _token(server: Server, name: str) -> str:
    return make_token(server.extra["data_dir"], user=name, app=None, days=1)


def _commit() -> str:
    """The last commit that changed the server, if this is a checkout; a star: files differ from it."""
    if shutil.which("git") is None:
        return ""
    git = ["git", "-C", str(_ROOT)]
    paths = ["--", "imserver", "protocol"]
    said = [
        subprocess.run([*git, *arguments, *paths], capture_output=True, text=True, check=False).stdout.strip()
        for arguments in (["log", "-1", "--format=%h"], ["status", "--porcelain"])
    ]
    return f"{said[0]}{'*' if said[1] else ''}"


def _written(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
