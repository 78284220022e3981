"""Centrifuge, the library under Centrifugo, as Debian packages it, in a chat server of a page."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.peers.device import Device
from benchmarks.peers.own import __file__ as own
from benchmarks.peers.peer import Peer, Promises
from benchmarks.peers.process import Server, free_port, launch
from benchmarks.peers.protocols.centrifuge import CentrifugeDevice
from benchmarks.peers.rhythm import Rhythm, Steady
from benchmarks.peers.servers.mosquitto import PASSWORD
from benchmarks.peers.servers.socketio import CACHE, CACHE_SHOWN

_SOURCE = Path(own).parent / "centrifuge_server.go"
_PROGRAM = CACHE / "centrifuge_server"
_PACKAGE = "golang-github-centrifugal-centrifuge-dev"
#: The package names not all that it imports.
_PACKAGES = (
    f"golang {_PACKAGE} golang-github-centrifugal-protocol-dev golang-github-fzambia-eagle-dev "
    "golang-github-igm-sockjs-go-dev golang-github-mna-redisc-dev"
)
_BUILD = (
    "GO111MODULE=off GOPATH=/usr/share/gocode "
    f"go build -o {CACHE_SHOWN}/{_PROGRAM.name} benchmarks/peers/own/{_SOURCE.name}"
)


class Centrifuge(Peer):
    """Its memory engine, the default: histories are kept in memory, for ten minutes."""

    key = "centrifuge"
    title = "Centrifuge, the library under Centrifugo"
    configuration = (
        "own server of a page (`benchmarks/peers/own/centrifuge_server.go`), memory engine, "
        "JSON over WebSocket, a channel with recovery and a history of 10 min for each user, no password "
        "check; the version is Debian 12's, of March 2021, as under Centrifugo 2: newer ones may cost less"
    )
    asks = False
    promises = Promises(fsync_before_ack=False, resume_after_restart=False, once=False)

    def rhythm(self) -> Rhythm:
        """The server asks every 25 s."""
        return Steady(25.0)

    def missing(self) -> str:
        if not _PROGRAM.exists():
            return f"not built (Debian: apt-get install {_PACKAGES}; {_BUILD})"
        if _PROGRAM.stat().st_mtime < _SOURCE.stat().st_mtime:
            return f"its source is newer than what was built: {_BUILD}"
        return ""

    def version(self) -> str:
        library = _said("dpkg-query", "-W", "-f", "${Version}", _PACKAGE).partition("+")[0]
        go = _said("go", "version", str(_PROGRAM)).rpartition("go")[2]
        return f"{library or 'unknown'}, Go {go or 'unknown'}"

    def start(self, folder: Path) -> Server:
        port = free_port()
        return launch([str(_PROGRAM), str(port)], folder=folder, port=port)

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server, sends
        return CentrifugeDevice(name, PASSWORD)


def _said(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
