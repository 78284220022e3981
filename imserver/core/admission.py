"""Admission control: who may come in now, and who is to come back when."""


class TokenBucket:
    """Lets `per_s` through each second, `burst` at once.

    Those refused are given places one after the other in time, so a storm drains at the rate it is let in
    instead of coming back all at once.
    """

    __slots__ = ("_at_s", "_burst", "_level", "_per_s")

    def __init__(self, per_s: float, burst: float) -> None:
        if per_s <= 0 or burst < 1:
            raise ValueError("a token bucket needs a rate above 0 and a burst of at least 1")
        self._per_s = per_s
        self._burst = burst
        self._level = burst
        self._at_s: float | None = None

    def take(self, now_s: float) -> float:
        """0 when let in at `now_s` (seconds, never going back), else in how many seconds to come back."""
        if self._at_s is not None:
            self._level = min(self._burst, self._level + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._level >= 1:
            self._level -= 1
            return 0.0
        # Each refusal books a later place: the level goes below zero, but no deeper than one burst.
        self._level = max(self._level - 1, -self._burst)
        return (1 - self._level) / self._per_s
