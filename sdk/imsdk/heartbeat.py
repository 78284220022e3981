"""How often to ask "are you there?": as seldom as the network's silence limit allows, learned per network.

A NAT forgets a silent connection after minutes that nobody announces. So the interval grows while it is
answered, falls back and freezes when it is not, and is remembered under the network's label. The idea is the
smart heartbeat of WeChat's Mars (Tencent/mars, mars/stn/src/smart_heartbeat.cc); unlike there, nothing
depends on the calendar.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from improtocol.limits import IDLE_S_MAX, PING_INTERVAL_S_MAX, PING_INTERVAL_S_MIN, PING_INTERVAL_S_START

#: Answers at one interval before a longer one is tried. Mars' BaseSuccCount.
SUCCESSES_TO_LENGTHEN: Final = 3
STEP_S: Final = 60
#: Missing answers in a row at one interval before it counts as too long. Mars' MaxHeartFailCount.
FAILURES_TO_SHORTEN: Final = 3
#: What is kept below the last interval that failed, besides the step.
MARGIN_S: Final = 10
#: Answers at a frozen interval before a longer one is tried once more. Mars waits for a Wednesday.
SUCCESSES_TO_PROBE: Final = 50
#: Networks remembered; the one used longest ago goes first.
LABELS_MAX: Final = 20
LABEL_CHARACTERS_MAX: Final = 128
#: The share of the server's idle time that a ping may use up, so that one late ping does not end the
#: connection.
IDLE_SHARE: Final = 0.8

assert PING_INTERVAL_S_MIN <= PING_INTERVAL_S_START <= PING_INTERVAL_S_MAX
assert MARGIN_S < STEP_S


@dataclass(slots=True)
class _Learned:
    """What is known of one network."""

    interval_s: int = PING_INTERVAL_S_START
    successes: int = 0
    failures: int = 0
    frozen: bool = False


class Heartbeat:
    """The keepalive interval of the current network.

    Tell it of each ping that followed a whole silent interval: `succeeded()` when anything came back,
    `failed()` when nothing did. In the foreground the shortest interval is used and nothing is learned,
    because it proves nothing about longer ones.

    Args:
        label: names the network ("wifi:shop", "cellular"); longer ones are cut at `LABEL_CHARACTERS_MAX`.
        state: what `to_state` gave earlier, as read from JSON. Whatever in it is not understood is ignored.
        foreground: is the app in front?
    """

    def __init__(
        self, label: str = "", state: Mapping[str, object] | None = None, *, foreground: bool = True
    ) -> None:
        #: Set this when the app goes to the front or to the back.
        self.foreground = foreground
        state = state or {}
        idle_s, networks = state.get("idle_s"), state.get("networks")
        #: What the server announced at the last login; the interval stays well below it.
        self.idle_s = idle_s if type(idle_s) is int and idle_s > 0 else IDLE_S_MAX
        self._networks: dict[str, _Learned] = {}
        for key, value in (networks if isinstance(networks, dict) else {}).items():
            learned = _read(value)
            if learned is not None:
                self._networks[key[:LABEL_CHARACTERS_MAX]] = learned
        self.switch(label)

    @property
    def label(self) -> str:
        """The current network's label."""
        return self._label

    @property
    def interval_s(self) -> float:
        """Seconds of silence after which to ping."""
        wanted = PING_INTERVAL_S_MIN if self.foreground else self._current.interval_s
        return min(float(wanted), self.idle_s * IDLE_SHARE)

    def switch(self, label: str) -> None:
        """The network changed: go on with what is known of `label`.

        Raises:
            ValueError: the label is no text.
        """
        if not isinstance(label, str):
            raise ValueError(f"a network's label must be text, not {type(label).__name__}")
        self._label = label[:LABEL_CHARACTERS_MAX]
        # Taken out and put back, so that the dict is ordered by last use.
        self._current = self._networks.pop(self._label, _Learned())
        self._networks[self._label] = self._current
        while len(self._networks) > LABELS_MAX:
            del self._networks[next(iter(self._networks))]

    def succeeded(self) -> None:
        """A ping after a whole interval of silence was answered."""
        if self.foreground:
            return
        now = self._current
        now.failures = 0
        now.successes += 1
        if now.successes < (SUCCESSES_TO_PROBE if now.frozen else SUCCESSES_TO_LENGTHEN):
            return
        now.successes = 0
        if now.interval_s < PING_INTERVAL_S_MAX:
            now.interval_s = min(PING_INTERVAL_S_MAX, now.interval_s + STEP_S)
            now.frozen = False

    def failed(self) -> None:
        """A ping after a whole interval of silence was not answered in time, or found the connection dead."""
        if self.foreground:
            return
        now = self._current
        now.successes = 0
        now.failures += 1
        if now.failures < FAILURES_TO_SHORTEN:
            return
        now.failures = 0
        if now.frozen and now.interval_s > PING_INTERVAL_S_START:
            # What was learned holds no more (another NAT behind the same label): learn anew.
            now.interval_s = PING_INTERVAL_S_START
            now.frozen = False
            return
        shorter = max(now.interval_s - STEP_S - MARGIN_S, now.interval_s // 2)
        now.interval_s = max(PING_INTERVAL_S_MIN, shorter)
        now.frozen = True

    def to_state(self) -> dict[str, object]:
        """What the server announced and what was learned, small and fit for JSON.

        "idle_s": a number. "networks": per label [interval_s, successes, failures, frozen].
        """
        networks = {
            label: [known.interval_s, known.successes, known.failures, int(known.frozen)]
            for label, known in self._networks.items()
        }
        return {"idle_s": self.idle_s, "networks": networks}


def _read(value: object) -> _Learned | None:
    """One network's saved numbers, or None if they make no sense (the file is the user's, not ours)."""
    if not isinstance(value, list) or len(value) < 4 or not all(type(number) is int for number in value[:4]):
        return None
    interval_s, successes, failures, frozen = value[:4]
    if not PING_INTERVAL_S_MIN <= interval_s <= PING_INTERVAL_S_MAX:
        return None
    if not (0 <= successes < SUCCESSES_TO_PROBE and 0 <= failures < FAILURES_TO_SHORTEN):
        return None
    return _Learned(interval_s, successes, failures, bool(frozen))
