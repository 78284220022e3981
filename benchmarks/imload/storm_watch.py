"""How a storm drains: how many of its devices are consistent again, and when."""

from dataclasses import dataclass, field

from imload.churn.storms import Storm


@dataclass(slots=True)
class StormWatch:
    """One storm of a run, in real seconds.

    Attributes:
        storm: its settings.
        began_s, returns_s: when it began and when the first can be back, by the pump's clock.
        waiting: devices that were hit and are not back yet; `hit`: how many there were.
        back_s: how long after `returns_s` each of the others had everything, in that order.
    """

    storm: Storm
    began_s: float = 0.0
    returns_s: float = 0.0
    waiting: set[int] = field(default_factory=set)
    hit: int = 0
    back_s: list[float] = field(default_factory=list)

    def begin(self, devices: set[int], now_s: float, away_s: float) -> None:
        """`devices` are cut off at `now_s`; they may come back `away_s` later."""
        self.began_s = now_s
        self.returns_s = now_s + away_s
        self.waiting |= devices
        self.hit += len(devices)

    def consistent(self, device: int, now_s: float) -> None:
        """`device` has everything again. What is so before it could come back was not hit."""
        if device in self.waiting and now_s >= self.returns_s:
            self.waiting.discard(device)
            self.back_s.append(now_s - self.returns_s)

    @property
    def over(self) -> bool:
        """All are back."""
        return self.hit > 0 and not self.waiting
