"""The report says what was measured, what was reached, and what was not."""

import re
from dataclasses import replace

from benchmarks.peers.report import render
from benchmarks.peers.samples import Sample, Samples
from benchmarks.peers.servers import PEERS

OURS = Sample(
    run="2026-01-01 00:00",
    repeat=0,
    workload="relay",
    peer="imserver",
    version="1.2.3",
    machine="two cores",
    fixed_loop_ms=4.0,
    scale=1.0,
    figures={"relay_16_us": 10.0, "relay_1_us": 30.0, "kills_lost": 0.0},
)
THEIRS = replace(OURS, peer="mosquitto", version="9.8", figures={"relay_16_us": 20.0, "relay_1_us": 25.0})


def page(
    *samples: Sample, skipped: dict[str, str] | None = None, untried: dict[str, str] | None = None
) -> str:
    return render(Samples(samples), PEERS, skipped or {}, untried)


def test_goals_are_judged_by_the_share_of_the_same_run() -> None:
    text = page(OURS, THEIRS)
    assert "| CPU per durable message, window 16 | 0.75 × mosquitto | 0.50 × mosquitto: reached |" in text
    assert "| CPU per durable message, window 1 | 1 × mosquitto | 1.20 × mosquitto: **not reached** |" in text


def test_a_goal_for_one_way_to_run_our_server_takes_its_figure() -> None:
    over_websocket = replace(OURS, peer="imserver-ws", figures={"idle_kib": 5.5})
    text = page(OURS, replace(OURS, peer="imserver-compiled"), over_websocket)
    assert "| goal | at most | imserver | imserver, compiled |" in text
    assert "| KiB per idle WebSocket connection | 6 | 5.5: reached |  |" in text


def test_what_must_not_happen_is_judged_by_the_worst_repeat() -> None:
    again = [replace(OURS, repeat=n, figures={"kills_lost": lost}) for n, lost in enumerate((0.0, 0.0, 1.0))]
    assert "| 5 SIGKILLs: acked but lost | 0 | 1: **not reached** |" in page(*again)


def test_cells_tell_spread_and_ratio() -> None:
    slower = replace(THEIRS, repeat=1, figures={"relay_16_us": 40.0})
    text = page(OURS, replace(OURS, repeat=1), THEIRS, slower)
    assert "30.0 (20.0–40.0) [2] × 3.00" in text


def test_times_of_different_numbers_of_sessions_have_no_ratio() -> None:
    ours = replace(OURS, figures={"storm_sessions": 100.0, "storm_s": 2.0, "storm_us": 10.0})
    as_many = replace(ours, peer="floor", figures={**ours.figures, "storm_s": 3.0})
    fewer = replace(ours, peer="nats", figures={"storm_sessions": 10.0, "storm_s": 5.0, "storm_us": 30.0})
    text = page(ours, as_many, fewer)
    assert "3.00 [1] × 1.50" in text
    assert "| 10 [1] | 5.00 [1] |  | 30 [1] × 3.00 |" in text


def test_who_was_skipped_who_failed_and_what_is_scaled_is_said() -> None:
    failed = replace(OURS, workload="storm", figures={}, failed="the peer fell silent")
    text = page(replace(OURS, scale=0.1, load=2.5), failed, skipped={"nats": "no nats-server"})
    assert "NATS JetStream: not measured: no nats-server" in text
    assert "imserver, storm: the peer fell silent" in text
    assert "fewer sessions and messages than usual: × 0.1" in text
    assert "Load average, the measurement included: 2.5 in the median" in text


def test_versions_promises_and_configurations_stand_beside_the_figures() -> None:
    text = page(OURS, THEIRS)
    assert "| mosquitto | 9.8 | not durable before ack; not resume after restart; not retries once |" in text
    assert PEERS["mosquitto"].configuration in text
    assert "| mosquitto (not DRO) | 20.0" in text.replace("|  |", "|")
    assert "| imserver | 10.0" in text.replace("|  |", "|")


def test_a_server_without_a_client_is_named_with_the_reason() -> None:
    assert "- Tinode: not measured: not to be had" in page(OURS, untried={"Tinode": "not to be had"})


def test_a_peer_with_fewer_sessions_or_workloads_than_the_others_is_named() -> None:
    text = page(OURS, replace(THEIRS, peer="poll-5s"), replace(THEIRS, peer="ejabberd"))
    assert "- ejabberd: × 0.2 the sessions and messages of the others" in text
    assert re.search("- HTTP polling every 5 s: idle, .*, storm left out: the server is", text)
