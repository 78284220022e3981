"""The hour of an idle customer: what goes over the air, and when, by the rhythm of keepalives or polls."""

from itertools import pairwise

import pytest

from benchmarks.peers.rhythm import Steady
from benchmarks.peers.workloads.hour import HAPPENS, HOUR_S, timeline
from imsdk.heartbeat import Heartbeat

RECEIVED_S = [at_s for at_s, what in HAPPENS if what == "received"]


def test_silence_is_never_longer_than_the_rhythm_and_no_keepalive_comes_sooner() -> None:
    moments = [(0.0, "attached"), *timeline(Steady(300.0), 0.0), (HOUR_S, "end")]
    for (before_s, _), (at_s, what) in pairwise(moments):
        assert at_s - before_s <= 300.0
        assert what != "keepalive" or at_s - before_s == 300.0


@pytest.mark.parametrize("polls_s", [3.0, 5.0])
def test_polls_come_whatever_happens_and_bring_what_waits(polls_s: float) -> None:
    moments = list(timeline(Steady(300.0), polls_s))
    polls = [(at_s, what) for at_s, what in moments if what in {"keepalive", "received"}]
    assert [at_s for at_s, _ in polls] == [polls_s * n for n in range(1, len(polls) + 1)]
    assert HOUR_S - polls[-1][0] <= polls_s
    brought_s = [at_s for at_s, what in polls if what == "received"]
    assert len(brought_s) == len(RECEIVED_S)
    assert all(0 <= at_s - since_s <= polls_s for at_s, since_s in zip(brought_s, RECEIVED_S, strict=True))


def test_everything_that_happens_is_there_once() -> None:
    for polls_s in (0.0, 5.0):
        whats = [what for _, what in timeline(Steady(300.0), polls_s)]
        assert [whats.count(what) for what in ("sent", "received", "resume")] == [3, 5, 2]


def test_the_sdk_asks_sooner_in_front_and_ever_later_in_a_pocket() -> None:
    heartbeat = Heartbeat(foreground=False)
    start_s = heartbeat.interval_s
    at_s = [0.0, *(at_s for at_s, _ in timeline(heartbeat, 0.0)), HOUR_S]
    gaps_s = [(before, after - before) for before, after in pairwise(at_s)]
    heartbeat.foreground = True
    assert max(gap for before, gap in gaps_s if 600.0 <= before < 765.0) <= heartbeat.interval_s
    assert gaps_s[0] == (0.0, start_s)
    assert min(gap for before, gap in gaps_s if before + gap < 600.0) == start_s
    assert max(gap for before, gap in gaps_s if before > 780.0) > 2 * start_s
