"""What is measured while a load runs: counts, bytes and durations. Mergeable over processes."""

from collections import Counter, defaultdict
from typing import Any, Final

from imload.histogram import Histogram

#: Histograms, in seconds; each is described where the results are.
DURATIONS: Final = (
    "login",
    "ack",
    "delivery",
    "ack_in_storm",
    "ack_after_outage",
    "resume",
    "recovery",
)


class Tally:
    """Counters and histograms of one process's devices."""

    __slots__ = ("bytes_in", "bytes_out", "counts", "durations", "frame_bytes", "second_ack")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.durations: dict[str, Histogram] = defaultdict(Histogram)
        #: By frame and direction, "Command out": protocol bytes, before TLS and WebSocket framing.
        self.frame_bytes: Counter[str] = Counter()
        #: Bytes of the transports: WebSocket framing included, TLS and TCP headers not.
        self.bytes_in = 0
        self.bytes_out = 0
        #: Acknowledgements since the last sample of the live view.
        self.second_ack = Histogram()

    def took(self, what: str, seconds: float) -> None:
        """Count one duration."""
        self.durations[what].record_s(seconds)

    def acked(self, seconds: float, *, storm: bool) -> None:
        """Count an undisturbed acknowledgement."""
        self.durations["ack"].record_s(seconds)
        self.second_ack.record_s(seconds)
        if storm:
            self.durations["ack_in_storm"].record_s(seconds)

    def resumed(
        self, cause: str, seconds: float, recovery_s: float, missed: int, size: int, turns: int
    ) -> None:
        """Count a resume that has everything it missed.

        Args:
            cause: of the outage before it.
            seconds: from the start of connecting to the last missed message.
            recovery_s: the same since the network was back, attempts that failed included.
            missed: messages and other entries.
            size: bytes of RESUME, RESUMED and EVENTS.
            turns: round trips after the transport was there.
        """
        self.durations["resume"].record_s(seconds)
        self.durations["recovery"].record_s(recovery_s)
        self.durations[f"recovery: {cause}"].record_s(recovery_s)
        kind = "missed" if missed else "nothing"
        self.counts["resumes"] += 1
        self.counts[f"resumes_{kind}"] += 1
        self.counts[f"resume_bytes_{kind}"] += size
        self.counts["resume_missed"] += missed
        self.counts["resume_round_trips"] += turns

    def add(self, other: "Tally") -> None:
        """Count all of `other` here, too."""
        self.counts.update(other.counts)
        self.frame_bytes.update(other.frame_bytes)
        for name, histogram in other.durations.items():
            self.durations[name].add(histogram)
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out

    def figures(self) -> dict[str, Any]:
        """What follows from the counts: milliseconds by duration, bytes per unit, round trips per resume."""
        counts = self.counts
        return {
            "durations_ms": {name: h.summary_ms() for name, h in sorted(self.durations.items())},
            "bytes": {
                "per_message": _per(self._frames("Command out", "Result in"), counts["acked"]),
                "per_delivery": _per(self._frames("Events in", "Ack out"), counts["received"]),
                "per_resume_nothing_missed": _per(counts["resume_bytes_nothing"], counts["resumes_nothing"]),
                "per_resume_with_missed": _per(counts["resume_bytes_missed"], counts["resumes_missed"]),
                "missed_per_such_resume": _per(counts["resume_missed"], counts["resumes_missed"]),
                "per_keepalive": _per(self._frames("Ping out", "Pong in"), counts["pings"]),
                "frames": dict(sorted(self.frame_bytes.items())),
                "transport_in": self.bytes_in,
                "transport_out": self.bytes_out,
            },
            "round_trips_per_resume": _per(counts["resume_round_trips"], counts["resumes"]),
        }

    def _frames(self, *names: str) -> int:
        return sum(self.frame_bytes[name] for name in names)


def _per(amount: float, count: int) -> float | None:
    return round(amount / count, 2) if count else None
