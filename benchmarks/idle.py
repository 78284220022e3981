"""Memory of an idle connection: the server's proportional set size with and without N attached sessions."""

import argparse
import json
import time

from benchmarks.clients import connect_all
from benchmarks.machine import place
from imload.server import running


def measure(connections: int) -> dict[str, float]:
    """KiB per attached, idle session over TCP, with its user, log and descriptors."""
    with running() as server:
        warm = connect_all(server.urls["tcp"], (f"warm{n}" for n in range(200)), server.token)
        time.sleep(1)
        before_kib = server.memory_kib()
        crowd = connect_all(server.urls["tcp"], (f"user{n}" for n in range(connections)), server.token)
        time.sleep(1)
        after_kib = server.memory_kib()
        crowd.close()
        warm.close()
    return {
        "connections": connections,
        "before_kib": before_kib,
        "after_kib": after_kib,
        "kib_per_connection": (after_kib - before_kib) / connections,
    }


def main(arguments: list[str]) -> None:
    """Measure and print; `--json` for machines."""
    parser = argparse.ArgumentParser(prog="benchmarks idle", description=__doc__)
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    runs = [measure(options.connections) for _ in range(options.repeat)]
    figures = sorted(run["kib_per_connection"] for run in runs)
    median = figures[len(figures) // 2]
    if options.json:
        print(json.dumps({"scenario": "idle", "machine": place(), "runs": runs, "median": median}))
        return
    print(place())
    print(
        f"{options.connections} idle TCP connections: {median:.2f} KiB each "
        f"(min {figures[0]:.2f}, max {figures[-1]:.2f}, {len(figures)} runs)"
    )
