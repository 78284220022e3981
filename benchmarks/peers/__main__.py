"""`python -m benchmarks.peers`: measure peers in turns and write RESULTS.md."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers.peer import Peer
from benchmarks.peers.report import render
from benchmarks.peers.samples import OURS, Sample, Samples, append, read
from benchmarks.peers.servers import PEERS, UNTRIED
from benchmarks.peers.stage import staged
from benchmarks.peers.workloads import WORKLOADS
from imload.machine import Machine, fixed_loop_ms

_HERE = Path(__file__).parent
_RESULTS = _HERE.parent / "RESULTS.md"
_SAMPLES = _HERE / "samples.jsonl"


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 1 if a measurement failed."""
    options = _parser().parse_args(arguments)
    skipped = {key: why for key in options.peers if (why := PEERS[key].missing())}
    for key, why in skipped.items():
        print(f"skipped {key}: {why}", file=sys.stderr)
    chosen = [PEERS[key] for key in options.peers if key not in skipped]
    samples = read(options.samples) if options.add else []
    if not options.add:
        options.samples.unlink(missing_ok=True)
    failed = 0
    for sample in _measure(chosen, options):
        append(options.samples, sample)
        samples.append(sample)
        failed += bool(sample.failed)
        _show(sample)
    if options.json:
        print(json.dumps([asdict(sample) for sample in samples]))
    options.results.write_text(render(Samples(samples), PEERS, skipped, UNTRIED))
    print(f"wrote {options.results}", file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description=__doc__)
    parser.add_argument(
        "--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="PEER",
        help=f"of: {', '.join(PEERS)}; {OURS} is always worth naming, as the others are compared with it",
    )  # fmt: skip
    parser.add_argument(
        "--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="WORKLOAD",
        help=f"of: {', '.join(WORKLOADS)}",
    )  # fmt: skip
    parser.add_argument("--repeat", type=int, default=3, help="times each (default 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="of sessions and messages (default 1)")
    parser.add_argument("--add", action="store_true", help="keep what earlier runs measured of others")
    parser.add_argument("--json", action="store_true", help="also print the samples to stdout")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="the report")
    parser.add_argument("--samples", type=Path, default=_SAMPLES, help="raw figures, one line of JSON each")
    return parser


def _measure(chosen: list[Peer], options: argparse.Namespace) -> Iterator[Sample]:
    run = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    machine = str(Machine.here())
    for repeat in range(options.repeat):
        for workload in options.workloads:
            # Every other repeat the other way round, so that nobody always comes first.
            for peer in chosen if repeat % 2 == 0 else reversed(chosen):
                if workload in peer.leaves_out:
                    continue
                before_ms = fixed_loop_ms()
                figures, failed = _once(peer, workload, options.scale)
                yield Sample(
                    run=run,
                    repeat=repeat,
                    workload=workload,
                    peer=peer.key,
                    version=peer.version(),
                    machine=machine,
                    fixed_loop_ms=(before_ms + fixed_loop_ms()) / 2,
                    scale=options.scale,
                    figures=figures,
                    failed=failed,
                    load=os.getloadavg()[0],
                )


def _once(peer: Peer, workload: str, scale: float) -> tuple[dict[str, float], str]:
    """Figures, or why there are none: one peer's failure must not end the run."""
    begin_s = time.monotonic()
    try:
        with staged(peer, scale * peer.shares.get(workload, 1.0)) as stage:
            figures = WORKLOADS[workload](stage)
    except Exception as error:  # noqa: BLE001 - whatever a peer answered: hours of others' figures are at stake
        return {}, f"{type(error).__name__}: {error}"
    return {**figures, "wall_s": time.monotonic() - begin_s}, ""


def _show(sample: Sample) -> None:
    shown = ", ".join(f"{key} {value:.2f}" for key, value in sample.figures.items())
    print(f"{sample.workload} {sample.peer}: {shown or sample.failed}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
