"""What a run says in the end, as lines of JSON: findings, storms, and one `result`."""

from collections.abc import Iterator
from typing import Any

from imload.ledger import Verdict
from imload.monitor import Monitor
from imload.player import Harvest
from imload.scenario import Scenario
from imload.schedule import Schedule

Line = dict[str, Any]

#: Points of a storm's curve.
_CURVE_POINTS_MAX = 200


def result_lines(
    scenario: Scenario, schedule: Schedule, verdict: Verdict, harvest: Harvest, monitor: Monitor
) -> Iterator[Line]:
    """All lines that follow the end of a run; the last is the `result`."""
    for finding in verdict.findings:
        yield {"type": "finding", "kind": finding.kind, "text": finding.text}
    for failure in harvest.failures:
        yield {"type": "finding", "kind": "gave_up", "text": failure}
    storms = [storm_line(scenario, n, hit, back) for n, (hit, back) in enumerate(harvest.storms)]
    yield from storms
    for name, histogram in sorted(harvest.tally.durations.items()):
        yield {"type": "histogram", "name": name, **histogram.to_json()}
    counts = harvest.tally.counts
    air = harvest.airtime
    yield {
        "type": "result",
        "name": scenario.name,
        "fingerprint": schedule.fingerprint(),
        "passed": verdict.passed and harvest.settled and not harvest.failures,
        "settled": harvest.settled,
        "oracle": {
            "posted": verdict.posted,
            "acked": verdict.acked,
            "delivered": verdict.delivered,
            **verdict.counts,
            "gave_up": len(harvest.failures),
        },
        "counts": dict(sorted(counts.items())),
        **harvest.tally.figures(),
        "rates": {
            "connects_per_s_max": monitor.connects_per_s_max,
            "resumes_per_s_max": monitor.resumes_per_s_max,
            **_rates(monitor, counts["connects"], counts["acked"]),
        },
        "server": server_figures(monitor, counts["connects"], counts["acked"], counts["resumes"]),
        "radio": {
            "wakes_per_phone_hour": air.per_hour(air.wakes),
            "awake_percent": round(100 * air.awake_s / air.phones_s, 2) if air.phones_s else None,
            "bytes_per_phone_hour": air.per_hour(air.bytes),
            "tail_s": scenario.app.radio_tail_s,
        },
        "storms": [{key: storm[key] for key in storm if key not in ("type", "curve")} for storm in storms],
        "generator_cpu_s": round(harvest.generator_cpu_s, 2),
    }


def storm_line(scenario: Scenario, number: int, hit: int, back_s: list[float]) -> Line:
    """How a storm drained: `curve` has [seconds since they could come back, devices still missing]."""
    storm = scenario.storms[number]
    step = max(1, len(back_s) // _CURVE_POINTS_MAX)
    places = sorted({*range(0, len(back_s), step), *([len(back_s) - 1] if back_s else [])})
    curve = [[round(back_s[place], 3), hit - place - 1] for place in places]
    return {
        "type": "storm",
        "number": number + 1,
        "kind": storm.kind,
        "hit": hit,
        "back": len(back_s),
        "half_back_s": round(back_s[len(back_s) // 2], 3) if back_s else None,
        "all_back_s": round(back_s[-1], 3) if back_s and len(back_s) == hit else None,
        "curve": [[0.0, hit], *curve],
    }


def _rates(monitor: Monitor, connects: int, acked: int) -> dict[str, float | None]:
    def between(first: str, last: str, count: int) -> float | None:
        if first not in monitor.phases or last not in monitor.phases:
            return None
        seconds = monitor.phases[last][0] - monitor.phases[first][0]
        return round(count / seconds, 1) if seconds > 0 else None

    return {
        "connects_per_s": between("arriving", "resting", connects),
        "acked_per_s": between("load", "settling", acked),
    }


def server_figures(monitor: Monitor, connects: int, acked: int, resumes: int) -> dict[str, float | None]:
    """CPU and memory of the server by unit. Each is the phase's whole cost over the count named.

    `cpu_us_per_message` is everything the load cost (resumes, keepalives, deliveries) for each acked message,
    and `cpu_us_per_resume` likewise: a scenario that has mostly one of them gives that one a meaning.
    """
    usage = {name: phase[1] for name, phase in monitor.phases.items()}
    start, arrived, rested, settled = map(usage.get, ("arriving", "resting", "load", "judging"))
    figures: dict[str, float | None] = {}
    if start is not None and arrived is not None and rested is not None:
        figures["cpu_us_per_connect"] = _per(1e6 * (arrived.cpu_s - start.cpu_s), connects)
        # Few sessions take less than a server gives back meanwhile: then the difference says nothing of them.
        grown_kib = rested.memory_kib - start.memory_kib
        figures["memory_kib_per_session"] = _per(grown_kib, connects) if grown_kib > 0 else None
        figures["memory_mib"] = round(rested.memory_kib / 1024, 1)
    if rested is not None and settled is not None:
        cpu_s = settled.cpu_s - rested.cpu_s
        figures["cpu_s"] = round(cpu_s, 2)
        figures["cpu_us_per_message"] = _per(1e6 * cpu_s, acked)
        figures["cpu_us_per_resume"] = _per(1e6 * cpu_s, resumes)
        figures["memory_mib_end"] = round(settled.memory_kib / 1024, 1)
    return figures


def _per(amount: float, count: int) -> float | None:
    return round(amount / count, 2) if count else None
