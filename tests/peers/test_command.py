"""The command measures real servers in turns, and its oracle finds what a server without a disk loses."""

import json
from pathlib import Path

import pytest

from benchmarks.peers.__main__ import main
from benchmarks.peers.samples import Sample, Samples, read
from benchmarks.peers.servers import PEERS
from benchmarks.peers.workloads import WORKLOADS
from benchmarks.peers.workloads.hour import HOUR_S


def measured(folder: Path, *arguments: str) -> Samples:
    files = ["--samples", str(folder / "samples.jsonl"), "--results", str(folder / "RESULTS.md")]
    assert main([*arguments, "--repeat", "1", "--scale", "0.01", *files]) == 0
    return Samples(read(folder / "samples.jsonl"))


def figures(samples: Samples, peer: str, workload: str) -> dict[str, float]:
    (sample,) = (each for each in samples.current if (each.peer, each.workload) == (peer, workload))
    return sample.figures


def test_this_server_and_the_floor_do_the_same_work(tmp_path: Path) -> None:
    samples = measured(tmp_path, "--peers", "imserver", "floor", "--workloads", "relay", "silent")
    for peer in ("imserver", "floor"):
        assert figures(samples, peer, "relay")["relay_16_us"] > 0
        assert figures(samples, peer, "silent")["silent_acked"] > 0
    assert figures(samples, "imserver", "silent")["silent_lost"] == 0
    assert figures(samples, "floor", "silent")["silent_lost"] > 0
    page = (tmp_path / "RESULTS.md").read_text()
    assert PEERS["imserver"].title in page
    assert PEERS["floor"].title in page


@pytest.mark.parametrize("workload", ["resume", "churn"])
def test_long_polling_comes_back(tmp_path: Path, workload: str) -> None:
    samples = measured(tmp_path, "--peers", "longpoll", "--workloads", workload)
    assert f"{workload}_us" in figures(samples, "longpoll", workload)


def test_kills_lose_what_only_memory_held(tmp_path: Path) -> None:
    samples = measured(tmp_path, "--peers", "imserver", "floor", "--workloads", "kills")
    ours, floor = figures(samples, "imserver", "kills"), figures(samples, "floor", "kills")
    assert ours["kills_acked"] == floor["kills_acked"] > 0
    assert (ours["kills_lost"], ours["kills_doubled"], ours["kills_reordered"]) == (0, 0, 0)
    assert floor["kills_lost"] > 0


def test_an_idle_hour_takes_a_twentieth_of_what_polling_takes(tmp_path: Path) -> None:
    samples = measured(tmp_path, "--peers", "imserver", "poll-5s", "--workloads", "hour")
    ours, polled = figures(samples, "imserver", "hour"), figures(samples, "poll-5s", "hour")
    assert polled["hour_awake_s"] == HOUR_S - 5  # from the first poll on
    assert polled["hour_ip_bytes"] > polled["hour_bytes"] > 0
    for key in ("hour_bytes", "hour_ip_bytes", "hour_wakes"):
        assert ours[key] < polled[key] / 20
    assert "0.05 × poll-5s | 0.00" in (tmp_path / "RESULTS.md").read_text()


def test_a_share_of_the_sessions_is_taken_where_the_peer_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The work itself would wait a minute for what the floor loses.
    monkeypatch.setitem(WORKLOADS, "storm", lambda stage: {"storm_sessions": float(stage.count(1000))})
    whole = figures(measured(tmp_path, "--peers", "floor", "--workloads", "storm"), "floor", "storm")
    monkeypatch.setattr(type(PEERS["floor"]), "shares", {"storm": 0.5})
    half = figures(measured(tmp_path, "--peers", "floor", "--workloads", "storm"), "floor", "storm")
    assert half["storm_sessions"] == whole["storm_sessions"] / 2


def test_a_peer_that_is_not_there_is_skipped_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(type(PEERS["mosquitto"]), "missing", lambda self: "not installed")
    measured(tmp_path, "--peers", "mosquitto", "--workloads", "churn")
    assert "skipped mosquitto: not installed" in capsys.readouterr().err
    assert "mosquitto: not measured: not installed" in (tmp_path / "RESULTS.md").read_text()


def test_a_failure_is_told_and_does_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: object, folder: Path) -> None:
        raise RuntimeError("did not come up")

    monkeypatch.setattr(type(PEERS["longpoll"]), "start", broken)
    path = tmp_path / "samples.jsonl"
    arguments = [
        "--peers",
        "longpoll",
        "floor",
        "--workloads",
        "churn",
        "--repeat",
        "1",
        "--scale",
        "0.01",
        "--json",
    ]
    assert main([*arguments, "--samples", str(path), "--results", str(tmp_path / "RESULTS.md")]) == 1
    printed = [Sample(**each) for each in json.loads(capsys.readouterr().out)]
    assert [(each.peer, each.failed) for each in printed] == [
        ("longpoll", "RuntimeError: did not come up"),
        ("floor", ""),
    ]
    assert "longpoll, churn: RuntimeError: did not come up" in (tmp_path / "RESULTS.md").read_text()
