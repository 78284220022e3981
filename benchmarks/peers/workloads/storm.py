"""A deploy, or a mast: all sessions are dropped at once, miss 20 messages each, and come back together.

Others keep talking all the while, and their acknowledgements are timed. They have a pump of their own, served
between any few connections of the storm, so that it is the server's time and not the generator's.
"""

import time
from itertools import islice

from benchmarks.peers.accounting import account
from benchmarks.peers.device import Device
from benchmarks.peers.pump import Pump
from benchmarks.peers.stage import Stage, deliver, posts

SESSIONS = 10_000
MISSED = 20
SENDERS = 50
TALKERS = 20
#: Between a talker's messages.
PAUSE_S = 0.1
STORM_S_MAX = 60.0
OPENED_PER_TURN = 200


def measure(stage: Stage) -> dict[str, float]:
    """Seconds until every session has everything; the others' acknowledgements; CPU; what went wrong."""
    sessions = stage.devices("u", stage.count(SESSIONS))
    senders = stage.devices("s", SENDERS, sends=True)
    stage.connect(sessions + senders)
    talk = Talk(stage)
    stage.drop(sessions)
    deliver(stage, {s: posts(s, sessions[n::SENDERS], MISSED) for n, s in enumerate(senders)}, 16)
    stage.server.settle()
    missing = set(sessions)

    def progress(device: Device) -> None:
        if device in missing and len(device.received) >= MISSED:
            missing.discard(device)

    stage.retrying()
    stage.pump.on_progress = progress
    stage.pump.on_breath = talk.go_on
    cpu_s, begin_s = stage.server.cpu_s(), time.monotonic()
    coming = iter(sessions)
    while missing and time.monotonic() - begin_s < STORM_S_MAX:
        # Not in one go: while the generator opens connections it reads no acknowledgement.
        for session in islice(coming, OPENED_PER_TURN):
            stage.pump.open(session, stage.server.address)
        talk.go_on()
        stage.turn()
    storm_s = time.monotonic() - begin_s
    stage.pump.on_breath = None
    ack_p99_ms = talk.end()
    stage.acknowledge(sessions)
    cpu_s = stage.server.cpu_s() - cpu_s
    found = account(senders, sessions)
    return {
        "storm_sessions": len(sessions),
        "storm_s": storm_s,
        "storm_ack_p99_ms": ack_p99_ms,
        "storm_us": cpu_s / len(sessions) * 1e6,
        "storm_lost": found.lost,
        "storm_doubled": found.doubled,
    }


class Talk:
    """Talkers that send a message every so often, one unacknowledged at a time."""

    def __init__(self, stage: Stage) -> None:
        self._pump = Pump()
        self._talkers = stage.devices("t", TALKERS, sends=True)
        self._listeners = stage.devices("l", TALKERS)
        everybody = self._talkers + self._listeners
        for device in everybody:
            self._pump.open(device, stage.server.address)
        self._pump.until(lambda: all(device.attached for device in everybody))
        self._due_s = dict.fromkeys(self._talkers, 0.0)
        self._sent_s: dict[Device, float] = {}
        self._acks_s: list[float] = []
        self._number = 0
        self._pump.on_progress = self._progress
        # Their conversations are not new: a first message may ask the server to look up more.
        self.go_on()
        self._pump.until(lambda: not self._sent_s)
        self._acks_s.clear()

    def go_on(self) -> None:
        """Read what is there, send what is due."""
        self._pump.turn(0)
        now_s = time.monotonic()
        for talker, listener in zip(self._talkers, self._listeners, strict=True):
            if self._due_s[talker] <= now_s and talker not in self._sent_s:
                self._number += 1
                self._due_s[talker] = now_s + PAUSE_S
                self._sent_s[talker] = now_s
                talker.send(*posts(talker, [listener], 1, self._number)[0])
                self._pump.flush(talker)

    def end(self) -> float:
        """Wait for what is not acknowledged yet, hang up; the 99th percentile of all waits in ms."""
        self._pump.until(lambda: not self._sent_s)
        self._pump.close()
        waits_s = sorted(self._acks_s)
        return waits_s[len(waits_s) * 99 // 100] * 1000

    def _progress(self, device: Device) -> None:
        if device in self._sent_s and not device.outbox:
            self._acks_s.append(time.monotonic() - self._sent_s.pop(device))
