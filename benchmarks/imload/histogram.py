"""A log-linear histogram of microseconds: small, mergeable, about 1.6 % wide at every magnitude.

The layout is HdrHistogram's (Gil Tene, hdrhistogram.org): below 2^6 every value has a bucket, above it each
power of two is cut into 2^5.
"""

from collections.abc import Iterable
from typing import Final, Self

_SUB_BITS: Final = 6
_HALF: Final = 1 << (_SUB_BITS - 1)
#: Larger values count as this one: 2^42 us are 50 days.
VALUE_US_MAX: Final = (1 << 42) - 1


def _bucket_of(value: int) -> int:
    shift = max(0, value.bit_length() - _SUB_BITS)
    return (shift << (_SUB_BITS - 1)) + (value >> shift)


def _top_of(bucket: int) -> int:
    """The highest value that falls into `bucket`."""
    if bucket < 2 * _HALF:
        return bucket
    shift = (bucket >> (_SUB_BITS - 1)) - 1
    return ((bucket - (shift << (_SUB_BITS - 1))) << shift) + (1 << shift) - 1


class Histogram:
    """Counts of values in microseconds. Percentiles are a bucket's top, so never flattering.

    `max_us` and `count` are exact.
    """

    __slots__ = ("buckets", "count", "max_us", "total_us")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}  #: by their numbers
        self.count = 0
        self.total_us = 0
        self.max_us = 0

    def record_s(self, seconds: float) -> None:
        """Count one duration in seconds; what is below 0 counts as 0."""
        value = min(VALUE_US_MAX, max(0, int(seconds * 1e6)))
        bucket = _bucket_of(value)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.count += 1
        self.total_us += value
        self.max_us = max(self.max_us, value)

    def percentile_us(self, percent: float) -> int:
        """The value that `percent` % of all do not exceed; 0 when nothing was counted."""
        rank = max(1, -int(-self.count * percent // 100))
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                return min(_top_of(bucket), self.max_us)
        return 0

    def add(self, other: "Histogram") -> None:
        """Count all of `other` here, too."""
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.count += other.count
        self.total_us += other.total_us
        self.max_us = max(self.max_us, other.max_us)

    def summary_ms(self) -> dict[str, float]:
        """Count, mean, p50, p90, p99, p99.9 and max, in milliseconds."""
        mean_us = self.total_us / self.count if self.count else 0.0
        figures = {"count": float(self.count), "mean": mean_us / 1000}
        for percent in (50, 90, 99, 99.9):
            figures[f"p{percent:g}"] = self.percentile_us(percent) / 1000
        figures["max"] = self.max_us / 1000
        return {name: round(value, 3) for name, value in figures.items()}

    def to_json(self) -> dict[str, object]:
        """For another process, and for charts: `[bucket's top in us, count]` each, ascending."""
        pairs = [[_top_of(bucket), count] for bucket, count in sorted(self.buckets.items())]
        return {"buckets": pairs, "total_us": self.total_us, "max_us": self.max_us}

    @classmethod
    def from_json(cls, value: dict[str, object]) -> Self:
        """The inverse of `to_json`.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        made = cls()
        pairs = value["buckets"]
        if not isinstance(pairs, Iterable):
            raise TypeError("a histogram's buckets must be a list")
        for top, count in pairs:
            bucket = _bucket_of(int(top))
            made.buckets[bucket] = made.buckets.get(bucket, 0) + int(count)
            made.count += int(count)
        made.total_us = int(str(value["total_us"]))
        made.max_us = int(str(value["max_us"]))
        return made
