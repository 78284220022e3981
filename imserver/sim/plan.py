"""Plans: what happens in a world, drawn from its seed, so that any part of it can be left out.

An event draws its details from its own number, so leaving one out changes no other. That is what lets
`shrink` reduce a failing plan to the few events that matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

#: What people do, and how often.
WORK: Final[dict[str, int]] = {
    "post": 60,
    "burst": 6,
    "edit": 8,
    "recall": 5,
    "react": 8,
    "read": 14,
    "group": 6,
    "invite": 4,
    "remove": 3,
    "leave": 2,
    "rename": 2,
    "history": 4,
    "members": 2,
    "typing": 2,
    "presence": 1,
    "background": 3,
    "foreground": 1,
    "logout": 2,
    "rush": 2,
    "storm_out": 4,
}

#: What befalls them, and how often where it is on at all.
FAULTS: Final[dict[str, int]] = {
    "reset": 10,
    "fin": 5,
    "half_open": 6,
    "half_open_up": 4,
    "half_open_down": 4,
    "stall": 8,
    "stall_up": 4,
    "stall_down": 4,
    "swizzle": 3,
    "offline_refused": 5,
    "offline_silent": 5,
    "switch": 8,
    "switch_linger": 10,
    "server_kill": 8,
    "server_restart": 4,
    "server_power": 6,
    "server_deaf": 4,
    "server_fails": 4,
    "server_full": 3,
    "server_flips": 3,
    "phone_kill": 10,
    "phone_power": 8,
    "phone_full": 3,
    "backup": 6,
    "restore": 6,
    "asleep": 3,
    "trim": 4,
    "clock_ahead": 3,
    "clock_back": 3,
    "doze": 3,
}

#: All faults stop in the middle of a world, everything is judged as at its end, and they go on.
TRUCE: Final = "truce"
#: Share of the pauses in which there is one, and how long they must be: what has just happened comes to its
#: end first.
TRUCES: Final = 0.5
PAUSE_S_MIN: Final = 150.0

#: Faults of a machine whose drive is recorded.
POWER: Final = frozenset({"server_power", "phone_power"})

#: Share of fault kinds that are on in a world: some worlds have few kinds and many of each (swarm testing).
SHARE: Final = 0.5
DURATION_S: Final = 3600.0
#: How long faults last.
SPANS_S: Final = (0.05, 0.5, 3.0, 15.0, 60.0)
CAST: Final = (
    ("ann", "ann1"),
    ("bea", "bea1"),
    ("ann", "ann2"),
    ("cem", "cem1"),
    ("bea", "bea2"),
    ("dan", "dan1"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens. `who` picks a phone, `draw` seeds the details, `span_s` is its length."""

    at_s: float
    kind: str
    who: int
    draw: int
    span_s: float

    def __str__(self) -> str:
        return f"{self.at_s:8.2f}s {self.kind:<16} phone {self.who} draw {self.draw} for {self.span_s:.2f}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A world: its seed, its people, and its events in order of time."""

    seed: int
    cast: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]
    duration_s: float = DURATION_S


def draw_plan(seed: int, *, duration_s: float = DURATION_S) -> Plan:
    """The plan of a seed."""
    rng = Random(f"{seed}/plan")
    people = draw_people(rng)
    events: list[Event] = []
    for begin_s in sorted(rng.uniform(2, duration_s * 0.97) for _ in range(rng.randint(4, 10))):
        events += people.burst(rng, begin_s)
    return finished(rng, seed, people, events, duration_s)


def finished(rng: Random, seed: int, people: "People", events: list[Event], duration_s: float) -> Plan:
    """A plan of these events, with truces in some of the pauses between them."""
    events.sort(key=lambda event: event.at_s)
    ends = [*(event.at_s for event in events[1:]), duration_s]
    truces = [
        Event(at_s=round(rng.uniform(begin.at_s + 30, end_s - 60), 3), kind=TRUCE, who=0, draw=0, span_s=0.0)
        for begin, end_s in zip(events, ends, strict=True)
        if end_s - begin.at_s > PAUSE_S_MIN and rng.random() < TRUCES
    ]
    events = sorted([*events, *truces], key=lambda event: event.at_s)
    return Plan(seed=seed, cast=people.cast, events=tuple(events), duration_s=duration_s)


@dataclass(frozen=True, slots=True)
class People:
    """Who is in a world, and what befalls them."""

    cast: tuple[tuple[str, str], ...]
    faults: dict[str, int]
    share: float  #: of events that are faults

    def burst(self, rng: Random, begin_s: float, spans_s: tuple[float, ...] = SPANS_S) -> Iterator[Event]:
        """A lively while: people do things close together, and things befall them."""
        length_s = rng.choice((0.5, 5.0, 40.0))
        for _ in range(rng.randint(8, 24)):
            kinds = self.faults if rng.random() < self.share else WORK
            (kind,) = rng.choices(list(kinds), weights=list(kinds.values()))
            yield Event(
                at_s=round(begin_s + rng.uniform(0, length_s), 3),
                kind=kind,
                who=rng.randrange(len(self.cast)),
                draw=rng.getrandbits(32),
                span_s=round(rng.choice(spans_s) * rng.uniform(0.5, 1.5), 3),
            )


def draw_people(rng: Random) -> People:
    """Some of the cast, and some kinds of faults."""
    cast = CAST[: rng.randint(2, len(CAST))]
    faults = {kind: weight for kind, weight in FAULTS.items() if rng.random() < SHARE}
    return People(cast, faults, rng.choice((0.05, 0.15, 0.3)) if faults else 0.0)
