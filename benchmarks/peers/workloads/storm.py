"""A deploy, or a mast: all sessions are dropped at once, miss 20 messages each, and come back together.

Others keep talking all the while, and their acknowledgements are timed: by the generator's clock, so that its
own work counts too.
"""

import time
from itertools import islice

from benchmarks.peers.accounting import account
from benchmarks.peers.device import Device
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
    talk = Talk(stage, stage.devices("t", TALKERS, sends=True), stage.devices("l", TALKERS))
    stage.connect([*sessions, *senders, *talk.talkers, *talk.listeners])
    stage.drop(sessions)
    deliver(stage, {s: posts(s, sessions[n::SENDERS], MISSED) for n, s in enumerate(senders)}, 16)
    stage.server.settle()
    missing = set(sessions)

    def progress(device: Device) -> None:
        if device in missing and len(device.received) >= MISSED:
            missing.discard(device)
        talk.progress(device)

    stage.retrying()
    stage.pump.on_progress = progress
    cpu_s, begin_s = stage.server.cpu_s(), time.monotonic()
    coming = iter(sessions)
    while missing and time.monotonic() - begin_s < STORM_S_MAX:
        # Not in one go: while the generator opens connections it reads no acknowledgement.
        for session in islice(coming, OPENED_PER_TURN):
            stage.pump.open(session, stage.server.address)
        talk.go_on()
        stage.turn()
    storm_s = time.monotonic() - begin_s
    stage.until(talk.answered)
    ack_p99_ms = talk.ack_p99_ms()
    stage.acknowledge(sessions)
    cpu_s = stage.server.cpu_s() - cpu_s
    found = account(senders, sessions)
    return {
        "storm_s": storm_s,
        "storm_ack_p99_ms": ack_p99_ms,
        "storm_us": cpu_s / len(sessions) * 1e6,
        "storm_lost": found.lost,
        "storm_doubled": found.doubled,
    }


class Talk:
    """Talkers that send a message every so often, one unacknowledged at a time."""

    def __init__(self, stage: Stage, talkers: list[Device], listeners: list[Device]) -> None:
        self._stage = stage
        self.talkers = talkers
        self.listeners = listeners
        self._due_s = dict.fromkeys(talkers, 0.0)
        self._sent_s: dict[Device, float] = {}
        self._acks_s: list[float] = []
        self._number = 0

    def go_on(self) -> None:
        """Send what is due."""
        now_s = time.monotonic()
        for talker, listener in zip(self.talkers, self.listeners, strict=True):
            if self._due_s[talker] <= now_s and talker not in self._sent_s and talker.attached:
                self._number += 1
                self._due_s[talker] = now_s + PAUSE_S
                self._sent_s[talker] = now_s
                talker.send(*posts(talker, [listener], 1, self._number)[0])
                self._stage.pump.flush(talker)

    def progress(self, device: Device) -> None:
        """A device has read something; perhaps its acknowledgement."""
        if device in self._sent_s and not device.outbox:
            self._acks_s.append(time.monotonic() - self._sent_s.pop(device))

    def answered(self) -> bool:
        """Nothing is without its acknowledgement."""
        return not self._sent_s

    def ack_p99_ms(self) -> float:
        """Of the acknowledgements so far."""
        waits_s = sorted(self._acks_s)
        return waits_s[len(waits_s) * 99 // 100] * 1000
