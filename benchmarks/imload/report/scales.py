"""Axes: where a value lies, and which values get a mark."""

from dataclasses import dataclass
from math import ceil, floor, log10


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values in `low`..`high` onto pixels `begin`..`end`, linearly or by logarithm."""

    low: float
    high: float
    begin: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The pixel of `value`; what is outside lies on the border."""
        low, high, value = self.low, self.high, max(min(value, self.high), self.low)
        if self.logarithmic:
            low, high, value = log10(low), log10(high), log10(value)
        share = (value - low) / (high - low) if high > low else 0.0
        return round(self.begin + share * (self.end - self.begin), 1)

    def marks(self) -> list[float]:
        """Round values within: powers of ten, or about five steps."""
        if self.logarithmic:
            return [10.0**n for n in range(ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9) + 1)]
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        rough = span / 4
        power = 10.0 ** floor(log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        first = ceil(self.low / step)
        return [round(n * step, 9) for n in range(first, floor(self.high / step + 1e-9) + 1)]


def label(value: float) -> str:
    """A mark's text: 1,000 as 1k."""
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    if abs(value) >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:g}"
