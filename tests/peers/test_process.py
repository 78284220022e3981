"""A server's figures are those of its whole process tree, and killing it leaves none of it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers import process
from benchmarks.peers.process import Server, free_port, launch
from imload.processes import tree_of

CHILD = "x = bytearray(30_000_000); print(flush=True); sum(range(10**7)); print(flush=True); input()"
#: Two generations: the younger says that it is there, then that it has worked, then waits to be killed.
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


def family() -> Server:
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return Server(process, ("127.0.0.1", 0))


def test_descendants_count() -> None:
    server = family()
    try:
        pids = tree_of(server.process.pid)
        assert len(pids) == 2
        assert server.memory_kib() > 30_000
        assert server.process.stdout is not None
        before_s = server.cpu_s()
        server.process.stdout.readline()
        assert server.cpu_s() > before_s
    finally:
        server.kill()
        server.process.communicate()
    assert all(not Path(f"/proc/{pid}").exists() or zombie(pid) for pid in pids)


def zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_server_that_ends_at_once_says_its_last_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no such option'); raise SystemExit(1)"]
    with pytest.raises(RuntimeError, match="no such option"):
        launch(command, folder=tmp_path, port=1)


def test_a_free_port_is_free_on_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(process, "_PORTS", [port])
    monkeypatch.setattr(process, "_PORT_TRIES", 1)
    with socket.socket() as taken:
        taken.bind(("127.9.9.9", port))
        with pytest.raises(RuntimeError, match="ports is free"):
            free_port()
    assert free_port() == port
