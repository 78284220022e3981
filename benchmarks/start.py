"""How long until a server answers: from an empty folder, with stored messages, killed, with cold caches.

Each start is timed from the launch of the process to its ready file, to the first byte of the answer to the
RESUME of a session with 20 missed messages, and to the last of those. Cold: the kernel's page cache was
dropped before, for the whole machine where we may (so that Python's own files are read again as well), else
for the database only.
"""

import argparse
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Final

from benchmarks.away import client_of
from benchmarks.clients import Client, Crowd, connect_all
from benchmarks.figures import Run, print_json, print_table, spread
from benchmarks.filled import MISSED, Away, Filled, copy_of, fill
from benchmarks.machine import place, process_cpu_s
from benchmarks.traffic import Traffic
from imload.server import UNTHROTTLED, OwnServer

_LISTEN: Final = ("tcp://127.0.0.1:0",)
_WAIT_S_MAX: Final = 120.0
_LOOK_S: Final = 0.001
_DROP: Final = Path("/proc/sys/vm/drop_caches")
#: Messages since the last checkpoint when the server is killed.
_WRITTEN: Final = 2000


def drop_caches(data_dir: Path) -> bool:
    """Forget what the kernel keeps of the machine's disks (True), or at least of the database (False)."""
    subprocess.run(["sync"], check=True)
    try:
        _DROP.write_text("3")
    except OSError:
        for path in data_dir.glob("im.db*"):
            fd = os.open(path, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)
        return False
    return True


def timed_start(server: OwnServer, folder: Path, away: Away | None) -> Run:
    """Launch, and ask as soon as somebody listens. `folder` is the server's, whose ports are known."""
    ready = folder / "ready.json"
    begin_s = time.perf_counter()
    server.launch()
    found: Run = {}
    if away is not None:
        found = _asked(server, away, begin_s)
    while not ready.exists():
        _check_wait(server, begin_s)
    found["ready_ms"] = (time.perf_counter() - begin_s) * 1000
    found["cpu_ms"] = process_cpu_s(server.pid) * 1000
    server.wait_ready()
    return found


def _asked(server: OwnServer, away: Away, begin_s: float) -> Run:
    found: Run = {}
    while True:
        connected_s = time.perf_counter()
        try:
            client = client_of(server.urls["tcp"], away)
            break
        except ConnectionRefusedError:
            _check_wait(server, begin_s)
    found["accepts_ms"] = (time.perf_counter() - begin_s) * 1000
    client.flush()
    with closing(Crowd([client])) as crowd:

        def first(_: Client, __: object) -> None:
            found.setdefault("first_byte_ms", (time.perf_counter() - begin_s) * 1000)

        client.on_frame = first
        crowd.until(lambda: client.received == MISSED)
        found["resume_ms"] = (time.perf_counter() - connected_s) * 1000
    return found


def _check_wait(server: OwnServer, begin_s: float) -> None:
    if server.ended or time.perf_counter() - begin_s > _WAIT_S_MAX:
        raise RuntimeError("the server did not start")
    time.sleep(_LOOK_S)


def empty() -> Run:
    """A first start: everything is made."""
    with _server(None) as (server, folder):
        return timed_start(server, folder, None)


def restarts(filled: Filled, turn: int) -> dict[str, Run]:
    """Of one copy: after an orderly end, after SIGKILL, and after an orderly end with cold caches."""
    # Those of the pairs log in again: their sessions end.
    talking = {name for pair in filled.pairs for name in pair}
    away = islice((one for one in filled.away if one.user not in talking), turn * 4, None)
    found = {}
    with copy_of(filled) as data, _server(data) as (server, folder):
        timed_start(server, folder, None)  # takes its ports
        server.close()
        found["orderly"] = timed_start(server, folder, next(away))
        _write(server, filled)
        server.close(0)
        found["killed"] = timed_start(server, folder, next(away))
        server.close()
        everything = drop_caches(data)
        found["cold"] = timed_start(server, folder, next(away)) | {"everything": float(everything)}
        # The server is warm by now, its files are not.
        drop_caches(data)
        found["cold"]["later_resume_ms"] = _asked(server, next(away), time.perf_counter())["resume_ms"]
    return found


def _write(server: OwnServer, filled: Filled) -> None:
    """Let there be something in the WAL."""
    names = [name for pair in filled.pairs for name in pair]
    with closing(connect_all(server.urls["tcp"], names, server.token)) as crowd:
        Traffic(crowd, crowd.clients[0::2], crowd.clients[1::2], 16).send(_WRITTEN // len(filled.pairs))


@contextmanager
def _server(data: Path | None) -> Iterator[tuple[OwnServer, Path]]:
    with TemporaryDirectory(prefix="start-") as name:
        server = OwnServer(Path(name), _LISTEN, UNTHROTTLED, data)
        try:
            yield server, Path(name)
        finally:
            server.close(0)


_COLUMNS: Final = {
    "ready": ("orderly", "ready_ms"),
    "first byte": ("orderly", "first_byte_ms"),
    "CPU": ("orderly", "cpu_ms"),
    "first byte, killed": ("killed", "first_byte_ms"),
    "ready, cold": ("cold", "ready_ms"),
    "first byte, cold": ("cold", "first_byte_ms"),
    "its resume, cold": ("cold", "resume_ms"),
    "a resume, cold files": ("cold", "later_resume_ms"),
}


def main(arguments: list[str]) -> None:
    """Measure and print; `--json` for machines."""
    parser = argparse.ArgumentParser(prog="benchmarks start", description=__doc__)
    parser.add_argument("--stored", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "imserver-filled")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    firsts = [empty() for _ in range(options.repeat)]
    found = {
        n: [restarts(fill(options.folder, n), turn) for turn in range(options.repeat)] for n in options.stored
    }
    if options.json:
        print_json("start", {"empty": firsts, **{str(n): runs for n, runs in found.items()}})
        return
    print(place())
    everything = all(run["cold"]["everything"] for runs in found.values() for run in runs)
    print(f"cold: the page cache of {'the whole machine' if everything else 'the database'} was dropped")
    print(f"empty folder: ready after {spread([run['ready_ms'] for run in firsts], 0)} ms")
    rows = [
        [f"{n:,}", *(spread([run[how][name] for run in runs], 0) for how, name in _COLUMNS.values())]
        for n, runs in found.items()
    ]
    print_table(["ms, stored messages", *_COLUMNS], rows)
