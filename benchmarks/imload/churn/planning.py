"""Puts outages of all sources together: each device has one source of churn, storms come on top."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from imload.churn.models import Churn
from imload.churn.outage import Outage, Who
from imload.churn.recorded import read_recording
from imload.churn.traces import Trace, load_trace
from imload.people import People
from imload.scenario import Scenario

#: Between two outages of one device: long enough to be told apart.
_BETWEEN_S = 0.05
_LENGTH_S_MIN = 0.001


def plan_outages(scenario: Scenario, people: People, arrived_s: Sequence[float], seed: int) -> list[Outage]:
    """All outages in order of time, none of a device overlapping, all within the scenario.

    Args:
        scenario: churn, storms and a recording, as it has them.
        people: who there is.
        arrived_s: by device.
        seed: of the draws.

    Raises:
        OSError, ValueError: a trace or a recording cannot be read.
    """
    found = list(_of_models(scenario, people, arrived_s, seed))
    if scenario.recorded is not None:
        found += read_recording(scenario.recorded).outages(len(people.persons))
    storms = list(_of_storms(scenario, people, arrived_s, seed))
    return sorted(_apart(found, storms, scenario.seconds))


def _of_models(scenario: Scenario, people: People, arrived_s: Sequence[float], seed: int) -> Iterator[Outage]:
    order = list(range(len(arrived_s)))
    random.Random(f"imload {seed} shares").shuffle(order)
    free = dict.fromkeys(order)
    # Who is picky chooses first, so that every share is as large as it says.
    for churn in sorted(scenario.churn, key=lambda churn: churn.who is Who.ALL):
        eligible = set(people.numbers(churn.who))
        count = round(churn.share * len(eligible))
        chosen = [device for device in free if device in eligible][:count]
        trace = load_trace(churn) if churn.model == "trace" else None
        for device in chosen:
            del free[device]
            rng = random.Random(f"imload {seed} churn {device}")
            since_s = max(0.0, arrived_s[device])
            yield from _of_device(churn, trace, rng, device, since_s, scenario.seconds)


def _of_device(
    churn: Churn, trace: Trace | None, rng: random.Random, device: int, since_s: float, until_s: float
) -> Iterator[Outage]:
    if trace is not None:
        yield from trace.outages(churn, rng, device, since_s, until_s)
    else:
        yield from churn.outages(rng, device, since_s, until_s)


def _of_storms(scenario: Scenario, people: People, arrived_s: Sequence[float], seed: int) -> Iterator[Outage]:
    for index, storm in enumerate(scenario.storms):
        rng = random.Random(f"imload {seed} storm {index}")
        for device in people.numbers(Who.ALL if storm.of_server else storm.who):
            hit = storm.of_server or rng.random() < storm.share
            end_s = storm.at_s + storm.away_s + rng.uniform(0, storm.spread_s)
            if hit and arrived_s[device] < storm.at_s:
                yield Outage(
                    begin_s=storm.at_s,
                    device=device,
                    end_s=end_s,
                    cause=f"storm {index + 1} ({storm.kind})",
                    how=storm.how,
                    missed=storm.missed,
                    storm=index,
                )


def _apart(found: Iterable[Outage], storms: Iterable[Outage], until_s: float) -> Iterator[Outage]:
    """Storms stay; of the others go those that overlap a storm, or an earlier one, or begin after the end."""
    taken: dict[int, list[tuple[float, float]]] = {}
    for outage in [*sorted(storms), *sorted(found)]:
        spans = taken.setdefault(outage.device, [])
        end_s = min(outage.end_s, until_s) if outage.storm < 0 else outage.end_s
        # A server tells a half-open connection's end and its successor's begin as one moment.
        end_s = max(end_s, outage.begin_s + _LENGTH_S_MIN)
        free = all(end_s + _BETWEEN_S < begin or outage.begin_s > end + _BETWEEN_S for begin, end in spans)
        if free and outage.begin_s < until_s:
            spans.append((outage.begin_s, end_s))
            yield replace(outage, end_s=end_s)
