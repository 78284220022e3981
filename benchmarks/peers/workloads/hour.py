"""An hour of one customer who is mostly idle: what the phone sends and receives, and when its radio works.

The hour: in front of the app for three minutes, three messages each way; two more from the shop later, while
the phone is in a pocket; twice it comes back from another network, having missed nothing. Otherwise silence,
and whatever keeps the connection alive, or asks for news.

What happens goes over real sockets, one thing after the other and with short pauses (`traffic.PAUSE_S` says
why that changes no byte); one keepalive, or one poll, is measured and counted as often as the hour has them.
Nobody's client tells what was read, or who is typing.

A radio of LTE stays awake for `TAIL_S` after the last packet. Polling more often than that keeps it awake for
good, so besides the seconds awake the times are counted that it has to send or receive, `APART_S` or more
after the last one.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks.peers.device import Device
from benchmarks.peers.rhythm import Rhythm
from benchmarks.peers.stage import Stage, deliver, posts
from benchmarks.peers.workloads.traffic import PAUSE_S
from imload.radio import Radio

HOUR_S: Final = 3600.0
#: The source is beside imload.radio.
TAIL_S: Final = 11.6
APART_S: Final = 1.0
#: IPv4 and TCP with timestamps; the kernel counts the segments.
HEADER_BYTES: Final = 52
KEEPALIVES: Final = 10
KEEPALIVE_S_MAX: Final = 40.0
#: A segment that only acknowledges is sent after 40 ms when nothing else is.
QUIET_S: Final = 0.06
HAPPENS: Final = (
    (600.0, "front"),
    (605.0, "sent"),
    (630.0, "received"),
    (650.0, "sent"),
    (680.0, "received"),
    (700.0, "sent"),
    (720.0, "received"),
    (780.0, "back"),
    (1500.0, "resume"),
    (2400.0, "received"),
    (2410.0, "received"),
    (3000.0, "resume"),
)


def timeline(rhythm: Rhythm, polls_s: float) -> Iterator[tuple[float, str]]:
    """What goes over the air, and when: "keepalive", "sent", "received", "resume".

    Args:
        rhythm: of the keepalives; they keep away from what happens within an interval before.
        polls_s: news are asked for this often; what waits comes with the poll. 0: they come by themselves.
    """
    heard_s, waiting, changed_s = 0.0, 0, 0.0
    for at_s, what in (*HAPPENS, (HOUR_S, "end")):
        while (due_s := heard_s + polls_s if polls_s else max(changed_s, heard_s + rhythm.interval_s)) < at_s:
            heard_s = due_s
            yield heard_s, "received" if waiting else "keepalive"
            waiting = max(0, waiting - 1)
            rhythm.succeeded()
        if what in {"front", "back"}:
            rhythm.foreground = what == "front"
            changed_s = at_s
        elif polls_s and what == "received":
            waiting += 1
        elif what != "end":
            yield at_s, what
            heard_s = heard_s if polls_s else at_s


def measure(stage: Stage) -> dict[str, float]:
    """Bytes with and without headers, both ways; how often and how long the radio works."""
    phone = _Phone(stage)
    happens = list(timeline(stage.peer.rhythm(), stage.peer.polls_s))
    costs = [phone.play(what) for _, what in happens if what != "keepalive"]
    keepalives = len(happens) - len(costs)
    if keepalives:
        one = phone.keepalive()
        costs += [(one[0] * keepalives, one[1] * keepalives)]
    moments_s = [at_s for at_s, _ in happens]
    return {
        "hour_bytes": sum(said for said, _ in costs),
        "hour_ip_bytes": sum(said + segments * HEADER_BYTES for said, segments in costs),
        "hour_wakes": _radio(moments_s, APART_S).wakes,
        "hour_awake_s": _radio([*moments_s, HOUR_S], TAIL_S).awake_s,
    }


def _radio(moments_s: list[float], tail_s: float) -> Radio:
    radio = Radio(tail_s, speed=1)
    for moment_s in moments_s:
        radio.active(moment_s)
    return radio


Cost = tuple[float, float]  #: bytes, TCP segments; both ways


class _Phone:
    """The customer's, with the shop at the other end."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        (self._shop,) = stage.devices("s", 1, sends=True)
        (self._ear,) = stage.devices("c", 1)
        (self._mouth,) = stage.devices("c", 1, sends=True) if stage.peer.two_connections else (self._ear,)
        (self._listener,) = stage.devices("l", 1)
        stage.connect([self._shop, self._ear, self._listener])
        if self._mouth is not self._ear:
            stage.connect([self._mouth])
        self._said = 0
        stage.server.settle()
        stage.quiet(QUIET_S)

    def play(self, what: str) -> Cost:
        """One thing that happens."""
        if what == "resume":
            self._stage.drop([self._ear])
            self._stage.connect([self._ear])
            self._stage.quiet(QUIET_S)
            return self._cost(self._ear)
        self._stage.quiet(PAUSE_S)
        before = self._both()
        if what == "sent":
            self._post(self._mouth, self._listener)
        elif self._stage.peer.polls_s:
            self._post(self._shop, self._ear)
            self._keep_alive()
        else:
            self._post(self._shop, self._ear, [self._ear])
            self._ear.acknowledge()
            self._stage.pump.flush(self._ear)
        return self._since(before)

    def keepalive(self) -> Cost:
        """One, in the mean; where it is the server that asks, its next."""
        count = KEEPALIVES if self._stage.peer.asks else 1
        before = self._both()
        for _ in range(count):
            self._keep_alive()
            self._stage.quiet(QUIET_S)
        said, segments = self._since(before)
        return said / count, segments / count

    def _keep_alive(self) -> None:
        pongs = self._ear.pongs
        self._ear.ping()
        self._stage.pump.flush(self._ear)
        self._stage.pump.until(lambda: self._ear.pongs > pongs, KEEPALIVE_S_MAX)

    def _post(self, teller: Device, hearer: Device, receivers: Sequence[Device] = ()) -> None:
        """From the teller to the hearer, and wait until the receivers have it."""
        deliver(self._stage, {teller: posts(teller, [hearer], 1, self._said)}, 1, receivers)
        self._said += 1

    def _since(self, before: Cost) -> Cost:
        self._stage.quiet(QUIET_S)
        after = self._both()
        return after[0] - before[0], after[1] - before[1]

    def _both(self) -> Cost:
        costs = [self._cost(device) for device in {self._ear, self._mouth}]
        return sum(said for said, _ in costs), sum(segments for _, segments in costs)

    def _cost(self, device: Device) -> Cost:
        line = self._stage.pump.line(device)
        return line.bytes_in + line.bytes_out, line.segments()
