"""NATS JetStream: one file-backed stream of all inboxes, a durable push consumer for each user."""

import json
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.device import Device
from benchmarks.peers.peer import Peer, Promises
from benchmarks.peers.process import Server, free_port, launch
from benchmarks.peers.protocols.nats import ACK_WAIT_S, STREAM, NatsDevice
from benchmarks.peers.rhythm import Rhythm, Steady
from benchmarks.peers.servers.mosquitto import PASSWORD


class Nats(Peer):
    """JetStream as it comes: it answers before the disk has it (sync_interval 2 minutes)."""

    key = "nats"
    title = "NATS JetStream"
    configuration = (
        "one stream on files, a durable push consumer for each user with explicit acks, "
        f"ack_wait {ACK_WAIT_S} s, message ids (duplicate window 2 min), no password check"
    )
    #: The CPU of a resume grows with the sessions: 9 ms each with 500, 27 ms with 1,000.
    shares: ClassVar[Mapping[str, float]] = {"storm": 0.1}
    promises = Promises(fsync_before_ack=False, resume_after_restart=True, once=True)

    def rhythm(self) -> Rhythm:
        """The server's default `ping_interval` is as long."""
        return Steady(120.0)

    def missing(self) -> str:
        return "" if _binary() else "no nats-server on this machine (Debian: apt-get install nats-server)"

    def version(self) -> str:
        return (
            subprocess.run([_binary(), "-v"], capture_output=True, text=True, check=False)
            .stdout.split("v")[-1]
            .strip()
        )

    def start(self, folder: Path) -> Server:
        port = free_port()
        store = folder / "jetstream"
        new = not store.exists()
        command = [_binary(), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(store)]
        server = launch(command, folder=folder, port=port)
        if new:
            _create_stream(port)
        return server

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server, sends
        return NatsDevice(name, PASSWORD)


def _create_stream(port: int) -> None:
    config = json.dumps({"name": STREAM, "subjects": ["u.*"], "storage": "file"}).encode()
    request = f"PUB $JS.API.STREAM.CREATE.{STREAM} r.0 {len(config)}\r\n".encode() + config + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b'CONNECT {"verbose":false}\r\nSUB r.0 1\r\n' + request)
        answer = b""
        while b"MSG r.0" not in answer or not answer.endswith(b"}\r\n"):
            data = connection.recv(65536)
            if not data:
                raise RuntimeError("nats-server hung up before the stream was made")
            answer += data
    if b'"error"' in answer:
        raise RuntimeError(f"no stream: {answer.decode(errors='replace')}")


def _binary() -> str:
    return shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin") or ""
