"""What the trace's outages cost: how long messages that were under way came late."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from imserver.demo.journal import Entry

__all__ = ["OutageAccount"]

_MEDIA: Final = frozenset({"image", "voice", "video", "file"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageAccount:
    """Outages of a drive, those during another incident left out: their cost would not be theirs.

    Attributes:
        count: outages.
        total_s: their lengths together.
        longest_s: of one.
        late: messages that were promised before an outage's end and arrived after it.
        worst_ms: the longest time from an outage's end to the arrival of one that waited.
    """

    count: int
    total_s: float
    longest_s: float
    late: int
    worst_ms: int

    @classmethod
    def of(
        cls,
        outages: Iterable[tuple[float, float]],
        incidents: Sequence[tuple[float, float]],
        journals: Mapping[str, Sequence[Entry]],
    ) -> Self:
        """Account for `outages`; all three on the machine's monotonic clock.

        Args:
            outages: (began, ended).
            incidents: (began, consistent again).
            journals: by user; a message counts from its promise ("sent") to its arrival ("got").
        """
        alone = [
            (began, ended)
            for began, ended in outages
            if not any(began < until and ended > since for since, until in incidents)
        ]
        entries = [entry for journal in journals.values() for entry in journal]
        arrived: dict[str, float] = {}
        for entry in entries:
            if entry["what"] == "got":
                arrived.setdefault(entry["key"], entry["at"])
        waits = []
        for journal in journals.values():
            for at, came in _texts(journal, arrived):
                # Who waited through several outages was freed by the last of them.
                ends = [ended for _, ended in alone if at < ended < came]
                if ends:
                    waits.append(came - max(ends))
        return cls(
            count=len(alone),
            total_s=sum(ended - began for began, ended in alone),
            longest_s=max((ended - began for began, ended in alone), default=0.0),
            late=len(waits),
            worst_ms=round(1000 * max(waits, default=0.0)),
        )

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {key: round(value, 3) for key, value in asdict(self).items()}


def _texts(journal: Iterable[Entry], arrived: Mapping[str, float]) -> Iterator[tuple[float, float]]:
    """(promised, arrived) of a sender's messages whose time says something about the link alone.

    Media come by an upload of many chunks, and what is sent behind media waits for it: order goes first.
    """
    upload_until = 0.0
    for entry in journal:
        if entry["what"] != "sent" or entry["key"] not in arrived:
            continue
        at, came = entry["at"], arrived[entry["key"]]
        if entry["kind"] in _MEDIA:
            upload_until = max(upload_until, came)
        elif at > upload_until:
            yield at, came
