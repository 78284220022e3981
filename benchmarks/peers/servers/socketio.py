"""Socket.IO 4 on Node, with connection state recovery."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.device import Device
from benchmarks.peers.own import __file__ as own
from benchmarks.peers.peer import Peer, Promises
from benchmarks.peers.process import Server, free_port, launch
from benchmarks.peers.protocols.socketio import SocketIoDevice
from benchmarks.peers.rhythm import Rhythm, Steady
from benchmarks.peers.servers.mosquitto import PASSWORD

#: Packages that no system's package manager has are looked for here.
CACHE_SHOWN = "~/.cache/imserver-peers"
CACHE = Path(CACHE_SHOWN).expanduser()
_MODULES = CACHE / "node_modules"
_PACKAGE = _MODULES / "socket.io" / "package.json"


class SocketIo(Peer):
    """The in-memory adapter, the only one with recovery that needs no other server."""

    key = "socketio"
    title = "Socket.IO"
    configuration = (
        "WebSocket only, in-memory adapter, connection state recovery for 10 min "
        "(`benchmarks/peers/own/socketio_server.js`), no password check"
    )
    asks = False
    #: The CPU of a resume grows with the messages kept: 2 ms each with 500 sessions, 4 ms with 1,000.
    shares: ClassVar[Mapping[str, float]] = {"storm": 0.1}
    promises = Promises(fsync_before_ack=False, resume_after_restart=False, once=False)

    def rhythm(self) -> Rhythm:
        """The server asks every 25 s."""
        return Steady(25.0)

    def missing(self) -> str:
        if shutil.which("node") is None:
            return "no node on this machine"
        return "" if _PACKAGE.exists() else f"no Socket.IO: npm install --prefix {CACHE_SHOWN} socket.io@4"

    def version(self) -> str:
        node = subprocess.run(
            ["node", "--version"], capture_output=True, text=True, check=False
        ).stdout.strip()
        return f"{json.loads(_PACKAGE.read_text())['version']}, Node {node}"

    def start(self, folder: Path) -> Server:
        port = free_port()
        command = ["node", str(Path(own).parent / "socketio_server.js"), str(port)]
        return launch(command, folder=folder, port=port, env={"NODE_PATH": str(_MODULES)})

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server, sends
        return SocketIoDevice(name, PASSWORD)
