"""Plans of days instead of an hour: people are awake by day, and at night their phones lie still, or are off.

What an hour cannot show: keepalives that are learned over hours, retention and session life by the server's
own upkeep, outages of half an hour, an app closed for a night.
"""

from collections.abc import Iterator
from random import Random
from typing import Final

from imserver.sim.plan import Event, People, Plan, draw_people, draw_plan, finished

#: One world in so many lasts days, and how many.
ONE_IN: Final = 10
DAYS: Final = (1, 1, 2, 3)
HOUR_S: Final = 3600.0
DAY_S: Final = 24 * HOUR_S
#: People are awake between these.
MORNING_S: Final = 7 * HOUR_S
EVENING_S: Final = 23 * HOUR_S
#: Faults last half an hour as well.
SPANS_S: Final = (0.05, 0.5, 3.0, 15.0, 60.0, HOUR_S / 2)
#: Share of the nights in which people sleep, and what becomes of a phone then: it idles on a table, is
#: switched off, is out of reach, or is looked at still.
QUIET_NIGHTS: Final = 0.9
NIGHT: Final = {"background": 5, "phone_kill": 3, "offline_silent": 1, "foreground": 1}


def draw_long_plan(seed: int) -> Plan:
    """The plan of a seed in the long run: mostly its hour, at times days."""
    rng = Random(f"{seed}/days")
    if rng.randrange(ONE_IN):
        return draw_plan(seed)
    people = draw_people(rng)
    days = rng.choice(DAYS)
    events: list[Event] = []
    for day in range(days):
        events += _day(rng, day * DAY_S, people)
    return finished(rng, seed, people, events, days * DAY_S)


def _day(rng: Random, begin_s: float, people: People) -> Iterator[Event]:
    for _ in range(rng.randint(4, 10)):
        at_s = begin_s + rng.uniform(MORNING_S, EVENING_S)
        yield from people.burst(rng, at_s, SPANS_S)
        yield from _everybody(rng, people, at_s + 60, {"background": 1}, until_s=0)
    if rng.random() < QUIET_NIGHTS:
        yield from _everybody(rng, people, begin_s + EVENING_S, NIGHT, until_s=begin_s + DAY_S + MORNING_S)


def _everybody(
    rng: Random, people: People, begin_s: float, kinds: dict[str, int], *, until_s: float
) -> Iterator[Event]:
    """Something for each phone within half an hour, that lasts nearly until `until_s`."""
    for who in range(len(people.cast)):
        at_s = begin_s + rng.uniform(0, HOUR_S / 2)
        (kind,) = rng.choices(list(kinds), weights=list(kinds.values()))
        yield Event(
            at_s=round(at_s, 3),
            kind=kind,
            who=who,
            draw=rng.getrandbits(32),
            span_s=round(max(0.0, until_s - at_s) * rng.uniform(0.8, 1), 3),
        )
