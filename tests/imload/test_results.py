"""Results: a storm's curve, two runs side by side, the page, and files that are none."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from imload.compare import compare, table, warnings
from imload.report.page import page
from imload.report.scales import Scale
from imload.result_file import ResultFile, read_results
from imload.results import Line, storm_line
from imload.scenario_file import parse_scenario
from imload.summary import summary

HISTOGRAM = {
    "type": "histogram",
    "name": "ack",
    "buckets": [[1000, 98], [9000, 2]],
    "total_us": 1,
    "max_us": 9000,
}


def run_lines(*, passed: bool = True, ack_ms: float = 2.0, fingerprint: str = "abc") -> list[Line]:
    durations = {"ack": dict.fromkeys(("count", "mean", "p50", "p90", "p99", "p99.9", "max"), ack_ms)}
    sizes = dict.fromkeys(("per_message", "per_delivery", "per_keepalive"), 61.0)
    sizes |= dict.fromkeys(
        ("per_resume_nothing_missed", "per_resume_with_missed", "missed_per_such_resume"), 42.0
    )
    counts = dict.fromkeys(
        ("duplicated", "reordered", "altered", "misdelivered", "unresolved", "refused", "gave_up"), 0
    )
    second = {"ack_p50_ms": 1.0, "ack_p99_ms": 3.0, "sessions": 10, "acked_per_s": 4.0}
    return [
        {
            "type": "run",
            "name": "t<e>st",
            "seed": 1,
            "fingerprint": fingerprint,
            "transport": "tcp",
            "processes": 1,
            "machine": "m",
            "fixed_loop_ms": 4.0,
            "sessions": 10,
            "started": "2026-01-01",
            "scenario": {},
        },
        *({"type": "second", "s": float(s), **second} for s in range(3)),
        {"type": "storm", "number": 1, "kind": "drop", "hit": 4, "curve": [[0.0, 4], [1.0, 0]]},
        HISTOGRAM,
        *([] if passed else [{"type": "finding", "kind": "lost", "text": "message 5 of <b>x</b>"}]),
        {
            "type": "result",
            "passed": passed,
            "oracle": {
                "posted": 9,
                "acked": 9,
                "delivered": 9,
                "lost": int(not passed),
                "gave_up": 0,
                **counts,
            },
            "counts": {"resumes": 3},
            "durations_ms": durations,
            "bytes": {**sizes, "frames": {"Result in": 5}},
            "round_trips_per_resume": 1.0,
            "rates": {"connects_per_s": 10.0},
            "server": {"cpu_us_per_message": 30.0},
            "radio": {
                "wakes_per_phone_hour": 6.0,
                "awake_percent": 3.0,
                "bytes_per_phone_hour": 900.0,
                "tail_s": 11.6,
            },
            "storms": [{"number": 1, "kind": "drop", "hit": 4, "half_back_s": 0.5, "all_back_s": 1.0}],
            "generator_cpu_s": 1.0,
        },
    ]


def test_compare_gives_each_figure_and_its_ratio() -> None:
    rows = {row.name: row for row in compare(run_lines(), run_lines(ack_ms=5.0))}
    assert rows["ack p99, ms"][1:] == (2.0, 5.0, 2.5)
    assert rows["bytes per message"].ratio == 1.0
    marked = [line for line in table(list(rows.values()), ("a", "b")) if line.endswith(" *")]
    assert [line.split(",")[0] for line in marked] == ["ack p50", "ack p99", "ack max"]


def test_compare_warns_of_what_is_not_comparable() -> None:
    assert list(warnings(run_lines(), run_lines())) == []
    said = " ".join(warnings(run_lines(), run_lines(passed=False, fingerprint="xyz")))
    assert "not the same load: abc and xyz" in said
    assert "second run FAILED" in said


def test_storms_curve_falls_from_all_to_those_who_never_came_back() -> None:
    scenario = parse_scenario("[[storms]]\nat_s = 1\n")
    line = storm_line(scenario, 0, 5, [0.1, 0.2, 0.9])
    assert line["curve"] == [[0.0, 5], [0.1, 4], [0.2, 3], [0.9, 2]]
    assert line["all_back_s"] is None, "two are missing"
    assert storm_line(scenario, 0, 3, [0.1, 0.2, 0.9])["all_back_s"] == 0.9
    many = storm_line(scenario, 0, 10_000, [n / 1000 for n in range(10_000)])
    assert len(many["curve"]) <= 210
    assert many["curve"][-1] == [9.999, 0]


def test_summary_ends_with_the_verdict_and_names_what_is_lost() -> None:
    lines = run_lines()
    assert list(summary(lines[0], lines[-1], []))[-1].startswith("PASSED")
    lines = run_lines(passed=False)
    said = list(summary(lines[0], lines[-1], [lines[-2]]))
    assert said[-1] == "FAILED: 1 lost"
    assert any("message 5 of" in line for line in said)


class Page(HTMLParser):
    """Tags opened and closed, and whatever a page could fetch."""

    VOID = frozenset({"meta", "rect", "line", "polyline"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_page_is_whole_complete_in_itself_and_runs_nothing() -> None:
    text = page(run_lines(passed=False))
    parsed = Page(text)
    assert parsed.open == []
    assert {"svg", "polyline", "table"} <= parsed.tags
    assert not parsed.tags & {"script", "link", "img", "iframe"}
    assert parsed.fetched == []
    assert "url(" not in text
    assert "<b>x</b>" not in text, "what comes from outside is escaped"
    assert "Failed: 1 lost" in text


def test_page_of_a_run_without_anything_measured_says_so() -> None:
    lines = [line for line in run_lines() if line["type"] in ("run", "result")]
    assert "nothing was measured" in page(lines)


def test_scale_maps_ends_to_ends_and_marks_round_values() -> None:
    assert [Scale(0, 10, 100, 200).at(v) for v in (0, 5, 10, 99)] == [100, 150, 200, 200]
    assert Scale(1, 1000, 0, 300, logarithmic=True).marks() == [1, 10, 100, 1000]
    assert Scale(0, 47, 0, 1).marks() == [0, 20, 40]


def test_file_of_results_is_read_back_and_a_cut_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with ResultFile(path) as file:
        for line in run_lines():
            file.line(line)
    assert read_results(path) == json.loads(json.dumps(run_lines()))
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match=re.escape("r.jsonl has no result")):
        read_results(path)
    path.write_text("hello\n")
    with pytest.raises(ValueError, match="line 1 is not JSON"):
        read_results(path)
