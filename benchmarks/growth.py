"""Does it grow? The cost of messages by connections and by stored messages, of resumes too."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Final

import trio

from benchmarks.away import come_back
from benchmarks.clients import Client, Crowd, connect_all
from benchmarks.figures import Run, growth, middle, print_json, print_table, spread
from benchmarks.filled import AGENTS, Filled, copy_of, fill, size_bytes
from benchmarks.machine import place, process_cpu_s
from benchmarks.traffic import Traffic
from imload.server import OwnServer, running
from imserver.storage.sqlite import open_sqlite

#: The pairs that talk while all others are silent.
_PAIRS: Final = 50
#: Customers each agent writes to again: even the smallest filled directory has so many.
_FIRST: Final = 4


def by_connections(connections: int, messages: int) -> Run:
    """KiB per connection; CPU per message of 50 pairs among them at window 16, and of all at window 1."""
    with running() as server:
        url = server.urls["tcp"]
        warm = connect_all(url, (f"warm{n}" for n in range(100)), server.token)
        time.sleep(1)
        before_kib = server.memory_kib()
        crowd = connect_all(url, (f"user{n}" for n in range(connections)), server.token)
        time.sleep(1)
        idle_kib = server.memory_kib()
        clients = crowd.clients
        few = Traffic(crowd, clients[0 : 2 * _PAIRS : 2], clients[1 : 2 * _PAIRS : 2], 16)
        few_us = _cost_us(server, few, _PAIRS, messages)
        every = Traffic(crowd, clients[0::2], clients[1::2], 1)
        every_us = _cost_us(server, every, connections // 2, messages)
        crowd.close()
        warm.close()
    return {
        "connections": connections,
        "few_us": few_us,
        "every_us": every_us,
        "idle_kib": (idle_kib - before_kib) / connections,
    }


def by_stored(filled: Filled, messages: int) -> Run:
    """CPU per resume with 20 missed, per message of 50 old pairs, per message to one of many customers."""
    with copy_of(filled) as data:
        trim_ms = trio.run(_trim_ms, data)
        return _served(filled, data, messages) | {"trim_ms": trim_ms}


async def _trim_ms(data_dir: Path) -> float:
    """How long the hourly trimming of logs takes when nothing is old enough: writes wait for it."""
    async with open_sqlite(data_dir) as store:
        begin_s = time.perf_counter()
        await store.trim_logs(before_ms=0, positions_kept_max=10**9)
        return (time.perf_counter() - begin_s) * 1000


def _served(filled: Filled, data: Path, messages: int) -> Run:
    with running(data_dir=data) as server:
        url = server.urls["tcp"]
        begin_s = process_cpu_s(server.pid)
        come_back(url, filled.away)
        resume_us = (process_cpu_s(server.pid) - begin_s) / len(filled.away) * 1e6
        crowd = connect_all(url, [name for pair in filled.pairs for name in pair], server.token)
        customers, agents = crowd.clients[0::2], crowd.clients[1::2]
        pairs_us = _cost_us(server, Traffic(crowd, customers, agents, 16), AGENTS, messages)
        first_us, first_ms = _first(server, crowd, agents)
        memory_kib = server.memory_kib()
        crowd.close()
    return {
        "stored": filled.messages,
        "bytes_per_message": size_bytes(filled) / filled.messages,
        "resume_us": resume_us,
        "pairs_us": pairs_us,
        "first_us": first_us,
        "first_ms": first_ms,
        "memory_mib": memory_kib / 1024,
    }


def _cost_us(server: OwnServer, traffic: Traffic, senders: int, messages: int) -> float:
    """CPU per message, after a fifth as warm-up."""
    each = max(2, messages // senders)
    traffic.send(max(1, each // 5))
    begin_s = process_cpu_s(server.pid)
    traffic.send(each)
    return (process_cpu_s(server.pid) - begin_s) / (each * senders) * 1e6


def _first(server: OwnServer, crowd: Crowd, agents: Sequence[Client]) -> tuple[float, float]:
    """CPU per message when each goes to a conversation that the server has not in memory, and ms for all."""
    fresh = {
        agent: iter(range(int(agent.user.removeprefix("agent")) + AGENTS, 10**9, AGENTS)) for agent in agents
    }

    def aim(agent: Client) -> None:
        agent.peer = f"customer{next(fresh[agent])}"

    begin_s, at_s = process_cpu_s(server.pid), time.perf_counter()
    Traffic(crowd, agents, (), _FIRST, aim).send(_FIRST)
    taken_s = time.perf_counter() - at_s
    return (process_cpu_s(server.pid) - begin_s) / (_FIRST * AGENTS) * 1e6, taken_s * 1000


def main(arguments: list[str]) -> None:
    """Measure and print; `--json` for machines."""
    parser = argparse.ArgumentParser(prog="benchmarks growth", description=__doc__)
    parser.add_argument("--connections", type=int, nargs="*", default=[100, 1000, 5000, 15_000])
    parser.add_argument("--stored", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--messages", type=int, default=10_000, help="measured at each step")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "imserver-filled")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    repeats = range(options.repeat)
    connected = {n: [by_connections(n, options.messages) for _ in repeats] for n in options.connections}
    stored = {
        n: [by_stored(fill(options.folder, n), options.messages) for _ in repeats] for n in options.stored
    }
    if options.json:
        print_json("growth", [*connected.values(), *stored.values()])
        return
    print(place())
    if connected:
        _print_connected(connected)
    if stored:
        _print_stored(stored)


_CONNECTED: Final = {
    "few_us": "us/message, 50 pairs talk, window 16",
    "every_us": "us/message, all talk, window 1",
    "idle_kib": "KiB a connection, idle",
}
_STORED: Final = {
    "resume_us": "us/resume, 20 missed",
    "pairs_us": "us/message, 50 pairs, window 16",
    "first_us": "us/message, the first to its customer since the start",
    "first_ms": f"ms until {_FIRST * AGENTS} such are acked",
    "trim_ms": "ms, trimming logs of which nothing is old",
    "bytes_per_message": "bytes on disk a message",
    "memory_mib": "MiB, server",
}


def _print_connected(found: dict[int, list[Run]]) -> None:
    _print("connections", found, _CONNECTED)


def _print_stored(found: dict[int, list[Run]]) -> None:
    _print("stored messages", found, _STORED)


def _print(first: str, found: dict[int, list[Run]], columns: dict[str, str]) -> None:
    rows = [
        [f"{size:,}", *(spread([run[name] for run in runs], 2 if "kib" in name else 1) for name in columns)]
        for size, runs in found.items()
    ]
    least, *_, most = found.values() if len(found) > 1 else (*found.values(), *found.values())
    last = [growth(middle(least, name), middle(most, name)) for name in columns]
    print_table([first, *columns.values()], [*rows, ["last / first", *last]])
