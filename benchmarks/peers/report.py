"""RESULTS.md: what was measured, on what, with which configurations, and how far ours is from its goals."""

from collections.abc import Iterator, Mapping
from statistics import median

from benchmarks.peers.figures import GOALS, TABLES, Figure, Goal, Table
from benchmarks.peers.peer import Peer
from benchmarks.peers.samples import OURS, REPEATS_MIN, Samples

_INTRODUCTION = """\
# Peers, side by side

Written by `make bench-peers` (`benchmarks/peers`); do not edit. The same workloads against every server,
each by its own small client, in turns within a run. Each cell: the median over the repeats, in
parentheses least and most, and × the peer's figure divided by ours in the same repeat of the same run
(above 1: ours is cheaper). The machine is shared and its clock has levels, so ratios say more than
figures, and below 1.5 × only the spread can tell whether there is a difference at all.
In brackets: how many repeats, where there were not three. "(not D)": the server does not promise that an
acknowledged message is durable; "(not R)": that a session is resumed after its restart; "(not O)": that
what a sender tries again after a lost acknowledgement is delivered once.
"""


def render(
    samples: Samples,
    peers: Mapping[str, Peer],
    skipped: Mapping[str, str],
    untried: Mapping[str, str] | None = None,
) -> str:
    """The whole page.

    Args:
        samples: of one or more runs.
        peers: by key.
        skipped: peer by key, with the reason why it was not measured.
        untried: servers for which there is no client, by title, and why.
    """
    lines = [
        _INTRODUCTION,
        *_machine(samples),
        "",
        *_goals(samples, peers),
        "",
        *_peers(samples, peers),
        *_notes(samples, peers, skipped, untried or {}),
    ]
    shown = [key for key in peers if key in samples.peers()]
    for table in TABLES:
        lines += ["", *_table(table, samples, shown, peers)]
    lines += ["", *_failed(samples)]
    return "\n".join(lines).rstrip() + "\n"


def _machine(samples: Samples) -> Iterator[str]:
    runs = sorted({sample.run for sample in samples.current})
    loops = [sample.fixed_loop_ms for sample in samples.current]
    yield f"- Runs: {', '.join(runs)} (UTC)"
    for machine in sorted({sample.machine for sample in samples.current}):
        yield f"- Machine: {machine}"
    if loops:
        yield (
            f"- A fixed loop beside each measurement took {median(loops):.1f} ms in the median, "
            f"{min(loops):.1f} to {max(loops):.1f} ms"
        )
    loads = [sample.load for sample in samples.current if sample.load is not None]
    if loads:
        yield (
            f"- Load average, the measurement included: {median(loads):.1f} in the median, "
            f"{min(loads):.1f} to {max(loads):.1f}"
        )
    scales = sorted({sample.scale for sample in samples.current} - {1.0})
    if scales:
        shown = ", ".join(f"{scale:g}" for scale in scales)
        yield f"- Some with fewer sessions and messages than usual: × {shown}"


def _goals(samples: Samples, peers: Mapping[str, Peer]) -> Iterator[str]:
    """One column for each way to run our server."""
    apart = {goal.by for goal in GOALS}
    ours = [key for key in peers if key.startswith(OURS) and key in samples.peers() and key not in apart]
    yield "## Our goals"
    yield ""
    yield f"| goal | at most | {' | '.join(peers[key].title for key in ours)} |"
    yield "|---|---" + "|---" * len(ours) + "|"
    for goal in GOALS:
        verdicts = [_verdict(samples, peer, goal) for peer in ours]
        if any(verdicts):
            most = f"{goal.most:g} × {goal.of}" if goal.of else f"{goal.most:g}"
            yield f"| {goal.label} | {most} | {' | '.join(verdicts)} |"


def _verdict(samples: Samples, peer: str, goal: Goal) -> str:
    if goal.by and peer != OURS:
        return ""
    value = _measured(samples, goal.by or peer, goal)
    if value is None:
        return ""
    digits = 2 if value >= 0.1 else 4
    shown = f"{value:.{digits}f} × {goal.of}" if goal.of else f"{value:g}"
    return f"{shown}: {'reached' if value <= goal.most else '**not reached**'}"


def _measured(samples: Samples, peer: str, goal: Goal) -> float | None:
    if goal.of:
        return samples.share(peer, goal.key, goal.of)
    spread = samples.spread(peer, goal.key)
    # Counts of what must not happen are judged by the worst run, the rest by the median.
    return None if spread is None else spread.most if goal.most == 0 else round(spread.median, 2)


def _peers(samples: Samples, peers: Mapping[str, Peer]) -> Iterator[str]:
    yield "## Who was measured"
    yield ""
    yield "| server | version | promises | configuration |"
    yield "|---|---|---|---|"
    versions = _versions(samples)
    for key, peer in peers.items():
        if key in versions:
            yield f"| {peer.title} | {versions[key]} | {peer.promises} | {peer.configuration} |"


def _notes(
    samples: Samples, peers: Mapping[str, Peer], skipped: Mapping[str, str], untried: Mapping[str, str]
) -> Iterator[str]:
    """What was measured with less than the others had, or not at all, and why."""
    versions = _versions(samples)
    measured = [peer for key, peer in peers.items() if key in versions]
    notes = [
        f"- {peer.title}: × {peer.pace:g} the sessions and messages of the others"
        for peer in measured
        if peer.pace != 1
    ]
    for peer in measured:
        for reason in dict.fromkeys(peer.leaves_out.values()):
            left_out = [workload for workload, why in peer.leaves_out.items() if why == reason]
            notes.append(f"- {peer.title}: {', '.join(left_out)} left out: {reason}")
    notes += [
        f"- {peers[key].title}: not measured: {why}" for key, why in skipped.items() if key not in versions
    ]
    notes += [f"- {title}: not measured: {why}" for title, why in untried.items()]
    if notes:
        yield ""
        yield from notes


def _versions(samples: Samples) -> dict[str, str]:
    return {sample.peer: sample.version for sample in samples.current}


def _table(table: Table, samples: Samples, shown: list[str], peers: Mapping[str, Peer]) -> Iterator[str]:
    yield f"## {table.title}"
    yield ""
    if table.text:
        yield table.text
        yield ""
    yield f"| | {' | '.join(figure.label for figure in table.figures)} |"
    yield "|---" * (len(table.figures) + 1) + "|"
    for key in shown:
        cells = [_cell(samples, key, figure) for figure in table.figures]
        if any(cells):
            withheld = peers[key].promises.withheld
            yield f"| {peers[key].title}{withheld and f' (not {withheld})'} | {' | '.join(cells)} |"


def _cell(samples: Samples, peer: str, figure: Figure) -> str:
    spread = samples.spread(peer, figure.key)
    if spread is None:
        return ""
    text = f"{spread.median:,.{figure.digits}f}"
    if spread.least != spread.most:
        text += f" ({spread.least:,.{figure.digits}f}–{spread.most:,.{figure.digits}f})"
    if spread.count < REPEATS_MIN:
        text += f" [{spread.count}]"
    compared = figure.compared and _median(samples, peer, figure.alike) == _median(
        samples, OURS, figure.alike
    )
    return f"{text} × {spread.ratio:.2f}" if compared and spread.ratio is not None else text


def _median(samples: Samples, peer: str, key: str) -> float | None:
    spread = samples.spread(peer, key)
    return spread and spread.median


def _failed(samples: Samples) -> Iterator[str]:
    failed = dict.fromkeys(
        f"- {sample.peer}, {sample.workload}: {sample.failed}" for sample in samples.current if sample.failed
    )
    if failed:
        yield "## Measurements that failed"
        yield ""
        yield from failed
