"""When a phone's radio wakes up, by a model: any traffic wakes it, and it stays awake for its tail.

The tail of an LTE modem is the time it stays in connected state after the last packet, 11.6 s by J. Huang et
al., "A Close Examination of Performance and Power Characteristics of 4G LTE Networks", MobiSys 2012.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Airtime:
    """What the phones of a run took together, in the scenario's time. Mergeable."""

    phones_s: float = 0.0  #: phones times their time
    awake_s: float = 0.0
    wakes: int = 0
    bytes: int = 0  #: of the transports, both ways

    def add(self, other: "Airtime") -> None:
        """Count all of `other` here, too."""
        self.phones_s += other.phones_s
        self.awake_s += other.awake_s
        self.wakes += other.wakes
        self.bytes += other.bytes

    def per_hour(self, amount: float) -> float | None:
        """`amount` for one phone and hour."""
        return round(amount * 3600 / self.phones_s, 2) if self.phones_s else None


class Radio:
    """Counts the wake-ups of one device and how long its radio was awake, in real seconds times `speed`.

    Args:
        tail_s: of the radio, in the scenario's seconds.
        speed: scenario seconds per second.
    """

    __slots__ = ("_began_s", "_last_s", "_speed", "_tail_s", "awake_s", "wakes")

    def __init__(self, tail_s: float, speed: float) -> None:
        self._tail_s = tail_s
        self._speed = speed
        self._began_s = self._last_s = float("-inf")
        self.wakes = 0
        self.awake_s = 0.0

    def active(self, now_s: float) -> None:
        """A byte went or came."""
        now_s *= self._speed
        asleep_s = self._last_s + self._tail_s
        if now_s > asleep_s:
            self.wakes += 1
        self.awake_s += max(0.0, min(now_s, asleep_s) - max(self._last_s, self._began_s))
        self._last_s = now_s

    def restart(self, now_s: float) -> None:
        """Count from now on: what was before the load does not belong to it, its tail neither."""
        self._began_s = now_s * self._speed
        self.wakes = 0
        self.awake_s = 0.0
