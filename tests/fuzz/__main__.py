"""The long run: a million executions over all targets, with rate and memory; stops at the first failure.

    python -m tests.fuzz [--executions N] [--seed N] [--target NAME] [--coverage]

With `--coverage` and atheris installed, one target is fuzzed guided by coverage instead of at random.
"""

import argparse
import logging
import random
import resource
import sys
import time
import traceback
from zlib import crc32

import structlog

from tests.fuzz.corpus import mutate
from tests.fuzz.targets import TARGETS

#: What the process may grow by in a whole run. Allocators keep some; a leak of 100 bytes a run shows.
GROWTH_KIB_MAX = 64 * 1024


def rss_kib() -> int:
    """The most that was ever resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run_target(name: str, executions: int, seed: int) -> bool:
    """Fuzz one target; prints its line, and the input that broke it."""
    target = TARGETS[name]
    seeds, rng = target.seeds(), random.Random(crc32(name.encode()) ^ seed)
    data, begun_s, base_kib = b"", time.perf_counter(), 0
    for index in range(executions):
        if index == executions // 10:
            base_kib = rss_kib()
        data = mutate(rng.choice(seeds), rng, seeds) if index % 10 else rng.randbytes(rng.randint(0, 200))
        if index % 50 == 49:  # corpus grows a little, from what was made lately
            seeds[rng.randrange(len(seeds)) if len(seeds) > 500 else len(seeds) :][:1] = [data or b"\0"]
        try:
            target.run(data)
        except BaseException:  # noqa: BLE001 - whatever it is, it is a finding
            traceback.print_exc()
            print(f"FAILED {name} seed {seed} execution {index}: {data.hex()}")
            return False
    rate = executions / (time.perf_counter() - begun_s)
    growth_kib = rss_kib() - base_kib
    print(f"{name:20} {executions:9,} executions {rate:9,.0f}/s  {growth_kib:7,} KiB growth", flush=True)
    return growth_kib <= GROWTH_KIB_MAX


def run_coverage(name: str, executions: int) -> None:
    """Hand one target to atheris."""
    import atheris

    with atheris.instrument_imports(include=["improtocol", "imserver"]):
        target = TARGETS[name]
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-runs={executions}", "-max_len=4096", "-print_final_stats=1"], target.run)
    atheris.Fuzz()


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the parsers.")
    parser.add_argument("--executions", type=int, default=1_000_000, help="over all targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", choices=sorted(TARGETS))
    parser.add_argument("--coverage", action="store_true", help="guided by coverage (needs atheris)")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    names = [chosen.target] if chosen.target else list(TARGETS)
    if chosen.coverage:
        if len(names) != 1:
            parser.error("--coverage needs --target")
        run_coverage(names[0], chosen.executions)
        return 0
    begun_s = time.perf_counter()
    each = -(-chosen.executions // len(names))
    passed = min([run_target(name, each, chosen.seed) for name in names])
    seconds = time.perf_counter() - begun_s
    done = each * len(names)
    print(f"{done:,} executions in {seconds:,.0f} s, {done / seconds:,.0f}/s, seed {chosen.seed}")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
