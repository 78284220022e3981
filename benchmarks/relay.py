"""CPU of a durable relayed message: pairs of apps, each sender with a window of unanswered posts.

A message counts once its RESULT is back (it is durable then) and its receiver has it. The generator stops
with an error when a message is lost, doubled or out of order.
"""

import argparse
import json
import time

from benchmarks.clients import connect_all
from benchmarks.machine import place
from benchmarks.traffic import Traffic
from imload.machine import fixed_loop_ms
from imload.server import running


def measure(pairs: int, window: int, messages: int) -> dict[str, float]:
    """Server CPU microseconds (process, all threads) and messages per second, after a tenth as warm-up."""
    with running() as server:
        names = [f"{side}{n}" for n in range(pairs) for side in ("sender", "receiver")]
        crowd = connect_all(server.urls["tcp"], names, server.token)
        traffic = Traffic(crowd, crowd.clients[0::2], crowd.clients[1::2], window)
        each = messages // pairs
        traffic.send(max(1, each // 10))
        loop_before = fixed_loop_ms()
        cpu, begin = server.cpu_s(), time.perf_counter()
        traffic.send(each)
        cpu, wall = server.cpu_s() - cpu, time.perf_counter() - begin
        loop_after = fixed_loop_ms()
        crowd.close()
    return {
        "pairs": pairs,
        "window": window,
        "messages": each * pairs,
        "cpu_us_per_message": cpu / (each * pairs) * 1e6,
        "messages_per_s": each * pairs / wall,
        "fixed_loop_ms": (loop_before + loop_after) / 2,
    }


def main(arguments: list[str]) -> None:
    """Measure and print; `--json` for machines."""
    parser = argparse.ArgumentParser(prog="benchmarks relay", description=__doc__)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--window", type=int, nargs="+", default=[16, 1])
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if not options.json:
        print(place())
    for window in options.window:
        messages = options.messages if window > 1 else options.messages // 4
        runs = [measure(options.pairs, window, messages) for _ in range(options.repeat)]
        costs = sorted(run["cpu_us_per_message"] for run in runs)
        median = costs[len(costs) // 2]
        if options.json:
            figures = {"scenario": "relay", "machine": place(), "runs": runs, "median": median}
            print(json.dumps(figures))
            continue
        rates = sorted(run["messages_per_s"] for run in runs)
        loops = "/".join(f"{run['fixed_loop_ms']:.1f}" for run in runs)
        print(
            f"window {window:>2}: {median:.1f} us CPU per durable message (min {costs[0]:.1f}, "
            f"max {costs[-1]:.1f}), {rates[len(rates) // 2]:.0f} messages/s, fixed loop {loops} ms"
        )
