"""The result of a run as a few lines of text."""

from collections.abc import Iterator
from typing import Any

from imload.results import Line

#: Beyond, latencies are partly the generator's own.
LAG_MS_MAX = 50.0
_ORACLE = ("lost", "duplicated", "reordered", "altered", "misdelivered", "unresolved", "refused", "gave_up")
_DURATIONS = {
    "login": "login",
    "ack": "acknowledged",
    "delivery": "delivered",
    "ack_in_storm": "acknowledged, in storms",
    "resume": "consistent, per resume",
    "recovery": "consistent, since back",
}


def summary(head: Line, result: Line, findings: list[Line], shown_max: int = 10) -> Iterator[str]:
    """Lines for people. `head` is the run's first line, `findings` those of type `finding`."""
    oracle, counts = result["oracle"], result["counts"]
    yield (
        f"{head['name']}: {head['sessions']} sessions over {head['transport']}, seed {head['seed']}, "
        f"load {head['fingerprint']}"
    )
    yield f"  {oracle['posted']} posted, {oracle['acked']} acknowledged, {oracle['delivered']} delivered"
    yield (
        f"  {counts.get('resumes', 0)} resumes ({counts.get('dropped', 0)} connections lost), "
        f"{counts.get('retries', 0)} retries, {result['rates']['connects_per_s']} connects/s"
    )
    yield from _durations(result["durations_ms"])
    lag = result["durations_ms"].get("generator_lag")
    if lag is not None and lag["p99"] > LAG_MS_MAX:
        yield f"  the generator was late by {lag['p99']:.0f} ms (p99): give it a core, or more --processes"
    yield from _bytes(result)
    yield from _server(result)
    radio = result["radio"]
    yield (
        f"  phone  {_figure(radio['wakes_per_phone_hour'])} wake-ups an hour (tail {radio['tail_s']} s, "
        f"awake {_figure(radio['awake_percent'])} %), {_figure(radio['bytes_per_phone_hour'])} bytes an hour"
    )
    for storm in result["storms"]:
        yield (
            f"  storm {storm['number']} ({storm['kind']}): {storm['hit']} cut off, half consistent after "
            f"{_figure(storm['half_back_s'])} s, all after {_figure(storm['all_back_s'])} s"
        )
    for finding in findings[:shown_max]:
        yield f"  {finding['kind']}: {finding['text']}"
    if len(findings) > shown_max:
        yield f"  and {len(findings) - shown_max} more findings"
    wrong = {kind: oracle[kind] for kind in _ORACLE if oracle[kind]}
    if result["passed"]:
        yield "PASSED: every message is accounted for; 0 lost, 0 duplicated, 0 reordered"
    else:
        said = ", ".join(f"{count} {kind}" for kind, count in wrong.items()) or "not settled in time"
        yield f"FAILED: {said}"


def _durations(durations: dict[str, Any]) -> Iterator[str]:
    yield f"  {'ms':<26}{'count':>9}{'p50':>9}{'p99':>9}{'max':>9}"
    for name, words in _DURATIONS.items():
        if (found := durations.get(name)) is not None:
            columns = "".join(f"{found[column]:>9.1f}" for column in ("p50", "p99", "max"))
            yield f"  {words:<26}{found['count']:>9.0f}{columns}"


def _bytes(result: Line) -> Iterator[str]:
    sizes = result["bytes"]
    yield (
        f"  bytes  message + result {_figure(sizes['per_message'])}, delivery + ack "
        f"{_figure(sizes['per_delivery'])}, keepalive {_figure(sizes['per_keepalive'])}"
    )
    yield (
        f"         resume, nothing missed {_figure(sizes['per_resume_nothing_missed'])}; "
        f"{_figure(sizes['missed_per_such_resume'])} missed {_figure(sizes['per_resume_with_missed'])}; "
        f"{_figure(result['round_trips_per_resume'])} round trips"
    )


def _server(result: Line) -> Iterator[str]:
    server = result["server"]
    if not server:
        yield "  server not measured (--pid)"
        return
    yield (
        f"  server {_figure(server.get('cpu_us_per_connect'))} us CPU per login, "
        f"{_figure(server.get('memory_kib_per_session'))} KiB per session; during the load "
        f"{_figure(server.get('cpu_us_per_message'))} us per message, all that it cost included"
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
