"""The schedule: everything that will happen, a pure function of (scenario, its trace files, seed).

The load is open: what is to be posted is posted at its time, however slow the server is: slowness shows as
latency and not as less load (Gil Tene's "coordinated omission").
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from imload.churn.outage import Outage
from imload.churn.planning import plan_outages
from imload.churn.recorded import read_recording
from imload.parcels import ContentKind
from imload.people import People
from imload.scenario import Scenario
from imload.talk import Talk


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """Device `device` connects for the first time. Negative times lie before the load."""

    at_s: float
    device: int


@dataclass(frozen=True, slots=True, order=True)
class Posting:
    """Message `number` is posted by `device` to `chat`."""

    at_s: float
    number: int
    device: int
    chat: int
    kind: ContentKind
    size: int


@dataclass(frozen=True, slots=True, order=True)
class ModeChange:
    """The app of `device` goes to the background or the foreground."""

    at_s: float
    device: int
    background: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """All of a load, each list in order of time (scenario seconds; the load begins at 0).

    Attributes:
        people: devices and chats.
        arrivals: one for each device.
        postings: numbered from 0 in order of time.
        outages: of one device they never overlap.
        modes: foreground and background.
    """

    people: People
    arrivals: list[Arrival]
    postings: list[Posting]
    outages: list[Outage]
    modes: list[ModeChange]

    def fingerprint(self) -> str:
        """Equal for equal loads: 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for items in (self.arrivals, self.postings, self.outages, self.modes):
            for item in items:
                digest.update(repr(item).encode())
        for chat in self.people.chats:
            digest.update(repr(chat).encode())
        return digest.hexdigest()[:16]


def make_schedule(scenario: Scenario, seed: int) -> Schedule:
    """The load of `scenario` under `seed`: the same for the same, in any process.

    Raises:
        OSError, ValueError: a trace or a recording cannot be read.
    """
    people = People(scenario.population)
    arrivals = _arrivals(scenario, people, _stream(seed, "arrivals"))
    outages = plan_outages(scenario, people, [a.at_s for a in sorted(arrivals, key=lambda a: a.device)], seed)
    talk = Talk(scenario, people, _stream(seed, "talk"))
    raw = [*talk.dialogues({a.device: a.at_s for a in arrivals}), *talk.groups(), *talk.missed(outages)]
    raw.sort()
    numbers = count()
    mix = _Mix(scenario, _stream(seed, "mix"))
    postings = [Posting(at_s, next(numbers), device, chat, *mix.draw()) for at_s, device, chat in raw]
    return Schedule(people, sorted(arrivals), postings, outages, list(_modes(scenario, people, postings)))


def _stream(seed: int, name: str) -> random.Random:
    """One random stream a purpose, so that a change to one part leaves the others' draws alone."""
    return random.Random(f"imload {seed} {name}")


def _arrivals(scenario: Scenario, people: People, rng: random.Random) -> list[Arrival]:
    settings, total = scenario.arrivals, len(people.persons)
    order = list(range(total))
    rng.shuffle(order)
    recorded = read_recording(scenario.recorded).arrivals if scenario.recorded is not None else []
    found = []
    for place, device in enumerate(order):
        at_s = 0.0  # at once
        if settings.shape in ("even", "recorded"):
            at_s = settings.over_s * place / total
        elif settings.shape == "poisson":
            at_s = rng.uniform(0, settings.over_s)
        if device < len(recorded):
            # Who was there from the beginning is there before the load.
            late_s = recorded[device]
            found.append(Arrival(late_s if late_s > 0 else at_s - settings.over_s, device))
            continue
        late = device < people.customers and rng.random() < settings.late_share
        found.append(Arrival(rng.uniform(0, scenario.seconds) if late else at_s - settings.over_s, device))
    return found


class _Mix:
    """Draws content kinds and sizes."""

    def __init__(self, scenario: Scenario, rng: random.Random) -> None:
        messages = scenario.messages
        self._kinds = sorted(messages.mix)
        self._weights = [messages.mix[kind] for kind in self._kinds]
        self._least, self._most = messages.text_bytes
        self._rng = rng

    def draw(self) -> tuple[ContentKind, int]:
        kind = self._rng.choices(self._kinds, self._weights)[0]
        size = round(self._least * (self._most / self._least) ** self._rng.random())
        return kind, size


def _modes(scenario: Scenario, people: People, postings: list[Posting]) -> Iterator[ModeChange]:
    """A customer's app goes to the background some time after its last message, and back for the next one."""
    after_s = scenario.app.background_after_s
    if not after_s:
        return
    times: dict[int, list[float]] = {}
    for posting in postings:
        if not people.persons[posting.device].agent:
            times.setdefault(posting.device, []).append(posting.at_s)
    changes = []
    for device, moments in times.items():
        for at_s, following_s in zip(moments, [*moments[1:], scenario.seconds], strict=True):
            if following_s - at_s > after_s:
                changes.append(ModeChange(at_s + after_s, device, True))
                if following_s < scenario.seconds:
                    changes.append(ModeChange(following_s, device, False))
    yield from sorted(changes)
