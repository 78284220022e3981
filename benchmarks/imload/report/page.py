"""The page: verdict, figures at a glance, charts, tables, the scenario."""

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from math import log10
from pathlib import Path
from typing import Any, Final

from imload.report.charts import Axes, Series, bar_chart, line_chart
from imload.result_file import one
from imload.results import Line

_CURVES: Final = {
    "ack": "acknowledged",
    "delivery": "delivered",
    "ack_in_storm": "acknowledged, in storms",
    "resume": "consistent, per resume",
    "login": "login",
}
_FINDINGS_MAX: Final = 50


def write_report(lines: list[Line], path: Path) -> None:
    """Write the report on a run.

    Raises:
        OSError: it cannot be written.
    """
    path.write_text(page(lines), encoding="utf-8")


def page(lines: list[Line]) -> str:
    """The report on a run as HTML, complete in itself."""
    head, result = one(lines, "run"), one(lines, "result")
    style = (files(__package__) / "style.css").read_text(encoding="utf-8")
    seconds = [line for line in lines if line["type"] == "second"]
    sections = [
        _section(
            "Sessions",
            line_chart([_over_time(seconds, "sessions", "consistent sessions")], _time("sessions")),
        ),
        _section("Rates", line_chart([*_rates(seconds)], _time("per second"))),
        _section("Latency by percentile", line_chart([*_percentiles(lines)], _percentile_axes())),
        _section("Acknowledgement, each second", line_chart([*_acks(seconds)], _time("ms", log=True))),
        *([_section("Storms: devices still missing", _storms(lines))] if result["storms"] else []),
        _section(
            "Server CPU", line_chart([_over_time(seconds, "server_cpu_percent", "CPU")], _time("% of a core"))
        ),
        _section(
            "Server memory", line_chart([_over_time(seconds, "server_memory_mib", "memory")], _time("MiB"))
        ),
        _section("Protocol bytes by frame", bar_chart(_frames(result), "B")),
        _section("Durations, ms", _durations(result)),
        _section("Figures", _figures(result)),
        *_findings(lines),
        _section("Scenario", f"<pre>{escape(json.dumps(head['scenario'], indent=1))}</pre>", wide=True),
    ]
    title = escape(f"imload: {head['name']}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head><body>'
        f"<h1>{escape(head['name'])}</h1>{_about(head)}{_verdict(result)}{_tiles(head, result)}"
        f'<div class="grid">{"".join(sections)}</div></body></html>\n'
    )


def _section(title: str, inner: str, *, wide: bool = False) -> str:
    return f"<section{' class=wide' if wide else ''}><h2>{escape(title)}</h2>{inner}</section>"


def _about(head: Line) -> str:
    words = (
        f"{head['sessions']:,} sessions over {head['transport']}, generating processes: {head['processes']}, "
        f"seed {head['seed']}, load {head['fingerprint']}, {head['started']}"
    )
    machine = f"{head['machine']}; fixed loop {head['fixed_loop_ms']} ms"
    return f'<p class="soft">{escape(words)}</p><p class="soft">{escape(machine)}</p>'


def _verdict(result: Line) -> str:
    oracle = result["oracle"]
    if result["passed"]:
        text = f"Passed: all {oracle['posted']:,} messages accounted for; 0 lost, 0 duplicated, 0 reordered"
        return f'<p class="verdict good">{text}</p>'
    wrong = [
        f"{count:,} {kind}"
        for kind, count in oracle.items()
        if kind not in ("posted", "acked", "delivered") and count
    ]
    return f'<p class="verdict bad">Failed: {escape(", ".join(wrong) or "not settled in time")}</p>'


def _tiles(head: Line, result: Line) -> str:
    durations, sizes = result["durations_ms"], result["bytes"]
    tiles = [
        (f"{head['sessions']:,}", "sessions"),
        (f"{result['oracle']['delivered']:,}", "deliveries"),
        (f"{result['counts'].get('resumes', 0):,}", "resumes"),
        (_ms(durations.get("ack"), "p50"), "ack p50"),
        (_ms(durations.get("ack"), "p99"), "ack p99"),
        (_ms(durations.get("resume"), "p99"), "consistent p99, per resume"),
        (_text(sizes["per_resume_nothing_missed"], "\N{NO-BREAK SPACE}B"), "resume, nothing missed"),
        (_text(sizes["per_message"], "\N{NO-BREAK SPACE}B"), "message + result"),
        (_text(result["radio"]["wakes_per_phone_hour"]), "radio wake-ups /h"),
    ]
    items = "".join(f'<div class="tile"><b>{escape(a)}</b><span>{escape(b)}</span></div>' for a, b in tiles)
    return f'<div class="tiles">{items}</div>'


# Charts ------------------------------------------------------------------------------------------------


def _time(y: str, *, log: bool = False) -> Axes:
    return Axes(x="seconds since the start", y=y, y_log=log)


def _over_time(seconds: list[Line], key: str, name: str) -> Series:
    return Series(name, [(line["s"], line[key]) for line in seconds if key in line])


def _rates(seconds: list[Line]) -> Iterator[Series]:
    names = {
        "acked_per_s": "acknowledged",
        "received_per_s": "delivered",
        "resumes_per_s": "resumed",
        "dropped_per_s": "connections lost",
        "connects_per_s": "logins",
    }
    for key, name in names.items():
        if any(line.get(key) for line in seconds):
            yield _over_time(seconds, key, name)


def _acks(seconds: list[Line]) -> Iterator[Series]:
    busy = [line for line in seconds if line["ack_p99_ms"] > 0]
    yield _over_time(busy, "ack_p99_ms", "p99")
    yield _over_time(busy, "ack_p50_ms", "p50")


def _percentiles(lines: list[Line]) -> Iterator[Series]:
    """Latency over -log10(1 - share): each nine takes the same room."""
    for line in lines:
        if line["type"] != "histogram" or line["name"] not in _CURVES:
            continue
        total = sum(count for _, count in line["buckets"])
        seen, points = 0, []
        for top_us, count in line["buckets"]:
            seen += count
            left = max(1 - seen / total, 0.5 / total)
            points.append((min(-log10(left), 5.0), max(top_us, 1) / 1000))
        yield Series(_CURVES[line["name"]], points)


def _percentile_axes() -> Axes:
    marks = [(-log10(1 - p / 100), f"{p:g} %") for p in (0, 50, 90, 99, 99.9, 99.99)]
    return Axes(x="share of all at most that long", y="ms", y_log=True, x_marks=marks)


def _storms(lines: list[Line]) -> str:
    series = [
        Series(f"storm {line['number']} ({line['kind']})", [(x, y) for x, y in line["curve"]])
        for line in lines
        if line["type"] == "storm"
    ]
    return line_chart(series, Axes(x="seconds since the network or the server was back", y="devices"))


def _frames(result: Line) -> list[tuple[str, float]]:
    rows = sorted(result["bytes"]["frames"].items(), key=lambda row: -row[1])
    return [(name, float(size)) for name, size in rows[:12]]


# Tables ------------------------------------------------------------------------------------------------


def _durations(result: Line) -> str:
    columns = ("count", "mean", "p50", "p90", "p99", "p99.9", "max")
    head = "".join(f"<th>{column}</th>" for column in columns)
    rows = ""
    for name, found in result["durations_ms"].items():
        cells = "".join(
            f"<td>{found[c]:,.0f}</td>" if c == "count" else f"<td>{found[c]:,.1f}</td>" for c in columns
        )
        rows += f"<tr><td>{escape(name)}</td>{cells}</tr>"
    return f'<div class="scroll"><table><tr><th></th>{head}</tr>{rows}</table></div>'


def _figures(result: Line) -> str:
    sizes = {f"bytes {k.replace('_', ' ')}": v for k, v in result["bytes"].items() if k.startswith("per_")}
    pairs: dict[str, Any] = {
        **sizes,
        "missed per such resume": result["bytes"]["missed_per_such_resume"],
        "round trips per resume": result["round_trips_per_resume"],
        **{f"server: {k.replace('_', ' ')}": v for k, v in result["server"].items()},
        **{k.replace("_", " "): v for k, v in result["rates"].items()},
        "radio awake, % of the time": result["radio"]["awake_percent"],
        "bytes per phone and hour": result["radio"]["bytes_per_phone_hour"],
        "generator CPU, s": result["generator_cpu_s"],
        **{f"count: {k}": v for k, v in result["counts"].items()},
    }
    rows = "".join(f"<tr><td>{escape(k)}</td><td>{_text(v)}</td></tr>" for k, v in pairs.items())
    return f"<table>{rows}</table>"


def _findings(lines: list[Line]) -> Iterator[str]:
    found = [line for line in lines if line["type"] == "finding"]
    if found:
        rows = "".join(
            f"<tr><td>{escape(line['kind'])}</td><td>{escape(line['text'])}</td></tr>"
            for line in found[:_FINDINGS_MAX]
        )
        yield _section(f"Findings ({len(found)})", f"<table>{rows}</table>", wide=True)


def _ms(found: dict[str, float] | None, column: str) -> str:
    if found is None:
        return "-"
    value = found[column]
    return f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def _text(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:,.2f}".rstrip("0").rstrip(".") + unit
