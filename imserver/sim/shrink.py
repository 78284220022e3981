"""Makes a failing plan small: leaves out events as long as it fails in the same way."""

import time
from collections.abc import Callable
from dataclasses import replace

from imserver.sim.plan import Event, Plan


def shrink(plan: Plan, fails: Callable[[Plan], bool], *, limit_s: float = 60.0) -> Plan:
    """The smallest plan found that still fails.

    Leaves out ever smaller parts (delta debugging: Zeller and Hildebrandt, 2002), at last single events.

    Args:
        plan: fails.
        fails: runs a plan and says whether it does.
        limit_s: of CPU time; what was found until then is returned.
    """
    until_s = time.process_time() + limit_s
    parts = 2
    while len(plan.events) > 1 and time.process_time() < until_s:
        for events in _without_a_part(plan.events, parts):
            smaller = replace(plan, events=events)
            if fails(smaller):
                plan, parts = smaller, max(parts - 1, 2)
                break
            if time.process_time() > until_s:
                return plan
        else:
            if parts >= len(plan.events):
                break
            parts = min(parts * 2, len(plan.events))
    return plan


def _without_a_part(events: tuple[Event, ...], parts: int) -> list[tuple[Event, ...]]:
    size = -(-len(events) // parts)
    return [events[:begin] + events[begin + size :] for begin in reversed(range(0, len(events), size))]
