"""What the SDK costs a phone: CPU, bytes and disk per message sent and received, and memory.

Two apps, each a process of its own with the SDK's SQLite store, against a real server over TCP. Bytes are
those of the protocol; TCP and IP headers come on top.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.figures import Run, print_json, print_table, spread
from benchmarks.machine import place
from imload.server import OwnServer, running

_IN_TURN: Final = 300
_AT_ONCE: Final = 1000
_END_S_MAX: Final = 20.0


class _App:
    """See `sdk_app`."""

    def __init__(self, server: OwnServer, user: str, data_dir: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "benchmarks.sdk_app",
            server.urls["tcp"],
            server.token(user),
            str(data_dir),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        #: Of the process with the SDK imported and not yet used.
        self.begun_kib = self.hear()["memory_kib"]

    def tell(self, do: str, **order: object) -> None:
        """Give an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, float]:
        """The answer to the oldest order. Raises `RuntimeError` when the app has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("an app ended early")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, do: str, **order: object) -> dict[str, float]:
        """Give an order and wait until it is carried out."""
        self.tell(do, **order)
        return self.hear()

    def end(self) -> None:
        """Close it as an app closes: its data is whole in one file then."""
        self._process.communicate(timeout=_END_S_MAX)

    def kill(self) -> None:
        """Whatever it does."""
        self._process.kill()
        self._process.wait()


@contextmanager
def _app(server: OwnServer, user: str, folder: Path) -> Iterator[_App]:
    app = _App(server, user, folder / user)
    try:
        yield app
        app.end()
    finally:
        app.kill()


def measure(in_turn: int = _IN_TURN, at_once: int = _AT_ONCE) -> Run:
    """One life of two apps: alice sends so many, bob is there for the first and misses the others."""
    with TemporaryDirectory(prefix="sdk-") as name, running() as server:
        folder = Path(name)
        with _app(server, "alice", folder) as alice, _app(server, "bob", folder) as bob:
            begun_kib = alice.begun_kib
            idle = [app.ask("sync") for app in (alice, bob)]
        sizes = [_size(folder / user) for user in ("alice", "bob")]
        with _app(server, "alice", folder) as alice:
            with _app(server, "bob", folder) as bob:
                alice.ask("sync")
                bob.ask("sync")
                bob.tell("receive", count=in_turn)
                sent = alice.ask("send", to="bob", count=in_turn, in_turn=True)
                received = bob.hear()
            burst = alice.ask("send", to="bob", count=at_once, in_turn=False)
        with _app(server, "bob", folder) as bob:
            caught_up = bob.ask("receive", count=at_once)
        grown = [_size(folder / user) - size for user, size in zip(("alice", "bob"), sizes, strict=True)]
    both = in_turn + at_once
    return {
        "sent_us": sent["cpu_s"] / in_turn * 1e6,
        "received_us": received["cpu_s"] / in_turn * 1e6,
        "burst_us": burst["cpu_s"] / at_once * 1e6,
        "caught_up_us": caught_up["cpu_s"] / at_once * 1e6,
        "sent_bytes": (sent["bytes_in"] + sent["bytes_out"]) / in_turn,
        "received_bytes": (received["bytes_in"] + received["bytes_out"]) / in_turn,
        "burst_bytes": (burst["bytes_in"] + burst["bytes_out"]) / at_once,
        "caught_up_bytes": (caught_up["bytes_in"] + caught_up["bytes_out"]) / at_once,
        "sent_disk_bytes": grown[0] / both,
        "received_disk_bytes": grown[1] / both,
        "begun_mib": begun_kib / 1024,
        "idle_mib": max(one["memory_kib"] for one in idle) / 1024,
        "sender_mib": burst["memory_kib"] / 1024,
        "receiver_mib": caught_up["memory_kib"] / 1024,
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(arguments: list[str]) -> None:
    """Measure and print; `--json` for machines."""
    parser = argparse.ArgumentParser(prog="benchmarks sdk", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    runs = [measure() for _ in range(options.repeat)]
    if options.json:
        print_json("sdk", runs)
        return
    print(place())
    found = {name: [run[name] for run in runs] for name in runs[0]}
    rows = []
    for what, of in _ROWS.items():
        names = [f"{of}_{unit}" for unit in ("us", "bytes", "disk_bytes")]
        rows.append([what, *(spread(found[name]) if name in found else "" for name in names)])
    print_table(["a message of 45 bytes", "us CPU", "bytes on the wire", "bytes on disk"], rows)
    memory = (f"{spread(found[f'{who}_mib'])} {what}" for who, what in _MEMORY.items())
    print(f"memory of the process, MiB: {', '.join(memory)}")


_ROWS: Final = {
    "sent, each when the one before was acked": "sent",
    "received, each done with before the next": "received",
    f"sent, {_AT_ONCE:,} at once": "burst",
    f"received, {_AT_ONCE:,} missed ones": "caught_up",
}
_MEMORY: Final = {
    "begun": "only imported",
    "idle": "connected and idle",
    "sender": f"after {_IN_TURN + _AT_ONCE:,} sent",
    "receiver": f"after {_AT_ONCE:,} received",
}
