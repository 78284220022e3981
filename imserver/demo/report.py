"""The account of a run: one table for people, one JSON object for programs."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from imserver.demo.checker import Verdict
from imserver.demo.contents import CONTENT_KINDS
from imserver.demo.incidents import Incident
from imserver.demo.outages import OutageAccount
from imserver.demo.plan import Outcome, Plan

__all__ = ["Report"]

#: What a complete run shows besides the content kinds.
ACTS: Final = ("edit", "recall", "react", "read", "reply", "mention")

_COLUMNS: Final = (
    "outage",
    "time to\nconsistent",
    "out\nbytes",
    "in\nbytes",
    "round\ntrips",
    "events\nmissed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is said at the end."""

    plan: Plan
    outcome: Outcome
    verdict: Verdict
    outages: OutageAccount
    verified: str
    elapsed_s: float

    @property
    def missing_kinds(self) -> list[str]:
        """Kinds that this run did not bring across; a run that was long enough misses none."""
        kinds = self.verdict.kinds
        return [kind for kind in (*CONTENT_KINDS, *ACTS) if kind not in kinds or not kinds[kind].acked]

    @property
    def broken(self) -> dict[str, list[str]]:
        """Every promise that was broken, with examples."""
        found = dict(self.verdict.broken)
        late = [incident.name for incident in self.outcome.incidents if incident.consistent_s is None]
        if late:
            found["not_consistent"] = late
        if not self.outcome.settled:
            found["not_settled"] = ["the apps were not done in the time allowed"]
        if self.missing_kinds:
            found["kinds_missing"] = self.missing_kinds
        if self.verified:
            found["verify"] = [self.verified]
        return found

    @property
    def kept(self) -> bool:
        """Every promise was kept."""
        return not self.broken

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        verdict = self.verdict
        return {
            "kept": self.kept,
            "seed": self.plan.seed,
            "carrier": self.plan.drive.carrier,
            "elapsed_s": round(self.elapsed_s, 1),
            "sent": verdict.sent,
            "acked": verdict.acked,
            "delivered": verdict.delivered,
            "lost": len(verdict.lost),
            "duplicated": len(verdict.duplicated),
            "reordered": len(verdict.out_of_order),
            "phantom": len(verdict.phantom),
            "diverged": len(verdict.diverged),
            "replayed_to_app": verdict.replayed,
            "delivered_unpromised": verdict.unpromised,
            "media_equal": verdict.media,
            "media_unequal": len(verdict.unequal),
            "kinds": {kind: asdict(count) for kind, count in sorted(verdict.kinds.items())},
            "incidents": [_incident(incident) for incident in self.outcome.incidents],
            "trace_outages": self.outages.to_json(),
            "half_open_fenced": self.outcome.fenced,
            "phone_connections": self.outcome.connections,
            "phone_bytes": self.outcome.bytes_passed,
            "server_verified": not self.verified,
            "broken": self.broken,
        }

    def render(self) -> RenderableType:
        """For people."""
        return Group(self._incidents(), self._totals(), self._judgement())

    def _incidents(self) -> Table:
        table = Table(
            title="What went wrong, and what each resume cost",
            title_justify="left",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
        )
        table.add_column("incident", no_wrap=True)
        for name in _COLUMNS:
            table.add_column(name, justify="right", no_wrap=True)
        for incident in self.outcome.incidents:
            facts = _incident(incident)
            consistent = facts["consistent_ms"]
            table.add_row(
                incident.name,
                f"{incident.outage_s:.1f} s",
                "never" if consistent is None else f"{consistent} ms",
                *(str(facts[name]) for name in ("bytes_out", "bytes_in", "round_trips", "missed_events")),
            )
        outages = self.outages
        table.add_row(
            f"{outages.count} trace outages",
            f"{outages.total_s:.1f} s",
            f"≤ {outages.worst_ms} ms",
            *("–", "–", "–", str(outages.late)),
        )
        return table

    def _totals(self) -> Table:
        verdict = self.verdict
        table = Table(title="In all", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        totals = {
            "sent": verdict.sent,
            "acked": verdict.acked,
            "delivered": verdict.delivered,
            "lost": len(verdict.lost),
            "duplicated": len(verdict.duplicated),
            "out of order": len(verdict.out_of_order),
            "media equal\n(SHA-256)": f"{verdict.media} of {verdict.media + len(verdict.unequal)}",
        }
        for name in totals:
            table.add_column(name, justify="right")
        table.add_row(*(str(value) for value in totals.values()))
        return table

    def _judgement(self) -> Text:
        kinds = ", ".join(f"{name} {kinds.acked}" for name, kinds in sorted(self.verdict.kinds.items()))
        text = Text(f"Kinds: {kinds}.\n")
        text.append(
            f"Trace: {self.plan.drive.carrier}, driving, ×{self.plan.drive.speed:g}. "
            "Connections live through its outages; under missed events stand the messages that waited. "
            "Outages during another incident count there. "
            f"Half-open connections fenced by the server: {self.outcome.fenced}. "
            f"Server's data directory: {self.verified or 'verified'}.\n"
        )
        if self.kept:
            text.append("Every promise was kept.", style="bold green")
        for promise, examples in self.broken.items():
            text.append(f"BROKEN, {promise}: {'; '.join(examples)}\n", style="bold red")
        return text


def _incident(incident: Incident) -> dict[str, Any]:
    consistent_s, resumes = incident.consistent_s, incident.resumes
    return {
        "name": incident.name,
        "outage_ms": round(incident.outage_s * 1000),
        "consistent_ms": None if consistent_s is None else round(consistent_s * 1000),
        "resumes": len(resumes),
        "bytes_out": sum(resume.bytes_out for resume in resumes),
        "bytes_in": sum(resume.bytes_in for resume in resumes),
        "round_trips": max((resume.round_trips for resume in resumes), default=0),
        "missed_events": sum(resume.missed for resume in resumes),
    }
