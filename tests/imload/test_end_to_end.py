"""Real runs, small and fast: against a real server, each transport, restarts, and a replay."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from imload import cli
from imload.result_file import read_results
from imload.server import running
from imload.view import LiveView, bars

#: Ten seconds of a shop, at ten times the speed.
SHOP = """
seconds = 10
speed = 10
settle_s = 40
[population]
customers = 30
agents = 5
agent_devices = 2
groups = 1
[arrivals]
over_s = 0.2
late_share = 0.2
[dialogues]
per_customer_per_hour = 600
think_s = 0.5
group_messages_per_hour = 3600
[messages]
mix = { text = 5, card = 1, custom = 1, image = 1, file = 1, voice = 1, video = 1 }
[app]
background_after_s = 1
keepalive_s = 2
[[churn]]
model = "handover"
share = 0.3
every_s = 3
[[churn]]
model = "app_kill"
share = 0.2
every_s = 3
away_s = [0.5, 2]
missed = 2
[[churn]]
model = "doze"
share = 0.2
every_s = 3
away_s = [0.5, 2]
"""


def imload(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["imload", *map(str, arguments)])
    return cli.main()


def result_of(path: Path) -> dict[str, Any]:
    return next(line for line in read_results(path) if line["type"] == "result")


@pytest.mark.parametrize("transport", ["tcp", "tls", "ws", "wss"])
def test_every_message_of_a_churning_shop_is_accounted_for(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.toml").write_text(SHOP)
    files = "--json", tmp_path / "r.jsonl", "--html", tmp_path / "r.html"
    assert imload(monkeypatch, "run", tmp_path / "shop.toml", "--transport", transport, *files) == 0
    result = result_of(tmp_path / "r.jsonl")
    assert result["oracle"]["acked"] > 50
    assert result["counts"]["resumes"] > 10
    assert result["counts"]["pings"] > 0
    assert result["bytes"]["per_keepalive"] == pytest.approx(4, abs=0.3), "some are cut off before the answer"
    assert "</html>" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("kind", ["kill", "restart"])
def test_server_ended_and_started_again_under_load_loses_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = SHOP.replace("background_after_s = 1\n", "")
    storm = f"[[storms]]\nat_s = 3\nkind = '{kind}'\naway_s = 1\n[server]\ndrain_s = 0.2\n"
    (tmp_path / "storm.toml").write_text(shop + storm)
    assert imload(monkeypatch, "run", tmp_path / "storm.toml", "--json", tmp_path / "r.jsonl") == 0
    result = result_of(tmp_path / "r.jsonl")
    assert result["storms"][0]["hit"] > 20
    assert result["storms"][0]["all_back_s"] is not None
    assert result["counts"]["attempts"] > result["counts"]["connects"] + result["storms"][0]["hit"]


def test_recorded_churn_is_replayed_with_as_many_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "churn.jsonl"
    (tmp_path / "shop.toml").write_text(SHOP + f"[server]\nchurn_log = {json.dumps(str(log))}\n")
    assert imload(monkeypatch, "run", tmp_path / "shop.toml", "--json", tmp_path / "first.jsonl") == 0
    recorded = [json.loads(line) for line in log.read_text().splitlines()]
    assert not any(word in log.read_text() for word in ("customer", "agent", "127."))
    # Hand-overs leave the old connection half-open: the server only hears of it by the new one.
    assert {line.get("cause") for line in recorded} >= {"replaced", "closed"}
    resumes = sum(line["what"] == "resumed" for line in recorded)
    counts = result_of(tmp_path / "first.jsonl")["counts"]
    # Some were cut off again before they had heard of it.
    assert counts["resumes"] <= resumes <= counts["attempts"] - counts["connects"]
    again = "--speed", 0.5, "--dialogues", 0, "--json", tmp_path / "second.jsonl"
    assert imload(monkeypatch, "replay", log, *again) == 0
    second = result_of(tmp_path / "second.jsonl")["counts"]
    # One that is dropped within 50 ms of coming back is not told apart.
    assert 0.8 * resumes <= second["resumes"] <= resumes


def test_two_processes_play_one_load_and_its_books_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop.toml").write_text(SHOP)
    for processes in (1, 2):
        path = tmp_path / f"{processes}.jsonl"
        assert (
            imload(monkeypatch, "run", tmp_path / "shop.toml", "--processes", processes, "--json", path) == 0
        )
    one, two = (read_results(tmp_path / f"{processes}.jsonl")[0] for processes in (1, 2))
    assert one["fingerprint"] == two["fingerprint"]
    posted = [result_of(tmp_path / f"{processes}.jsonl")["oracle"]["posted"] for processes in (1, 2)]
    assert posted[0] == posted[1]
    capsys.readouterr()
    assert imload(monkeypatch, "compare", tmp_path / "1.jsonl", tmp_path / "2.jsonl") == 0
    said = capsys.readouterr()
    assert "not the same number of processes: 1 and 2" in said.err
    assert "ack p99, ms" in said.out


def test_server_that_is_there_is_measured_by_pid_and_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.toml").write_text(SHOP)
    with running() as server:
        url = "--url", server.urls["tcp"], "--data-dir", server.data_dir, "--pid", server.pid
        for _ in range(2):  # users of two runs do not meet
            options = *url, "--json", tmp_path / "r.jsonl"
            assert imload(monkeypatch, "run", tmp_path / "shop.toml", *options) == 0
            assert result_of(tmp_path / "r.jsonl")["server"]["cpu_us_per_connect"] > 0
        assert not server.ended


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "nowhere"), "no scenario 'nowhere'"),
        (("run", "shop", "--url", "http://127.0.0.1:1"), "must be tcp://"),
        (("run", "shop", "--url", "tcp://127.0.0.1:1"), "--data-dir of the server, or --kid and --key-file"),
        (("run", "shop", "--transport", "quic"), "--transport is one of tcp, tls, ws, wss"),
        (("replay", "/nowhere/x"), "No such file"),
        (("report", "/nowhere/x"), "No such file"),
        (("report", "/tmp"), "cannot use /tmp: Is a directory"),
        (("compare", "/nowhere/x", "/nowhere/y"), "cannot use /nowhere/x: No such file"),
        (("run", "shop", "--html", "/nowhere/x.html"), "cannot use /nowhere/x.html: No such file"),
        (("run", "shop", "--speed", "0"), "shop: speed: input should be greater than 0, not 0"),
        (("run", "shop", "--speed", "nan"), "shop: speed: input should be a finite number"),
        (("run",), "SCENARIO"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert imload(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_server_that_is_not_there_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text("secret")
    key = "--kid", "1", "--key-file", tmp_path / "key"
    assert imload(monkeypatch, "run", "shop", "--url", "tcp://127.0.0.1:1", *key) == 2
    assert "tcp://127.0.0.1:1 cannot be reached: Connection refused" in capsys.readouterr().err


def test_live_view_shows_the_second_on_a_terminal_and_nothing_elsewhere() -> None:
    second = {"type": "second", "s": 3.0, "phase": "load", "sessions": 42, "acked_per_s": 17.0}
    for terminal in (True, False):
        out = io.StringIO()
        with LiveView(Console(file=out, force_terminal=terminal, width=100), "imload test") as view:
            view.line(second)
        assert ("42" in out.getvalue()) is terminal
    assert bars([0, 1, 2]) == " ▄█"
