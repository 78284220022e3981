"""One process's part of a run: its devices, from arriving to hanging up, and what it brings home."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from imload.book import Book
from imload.driver import Driver
from imload.ledger import Ledger
from imload.pump import Pump
from imload.radio import Airtime
from imload.scenario import Scenario
from imload.schedule import Schedule
from imload.tally import Tally
from imload.uploads import Uploader
from imload.wire import Target
from improtocol.limits import INT_MAX


@dataclass(frozen=True, slots=True)
class Part:
    """What a process plays; can be sent to one.

    Attributes:
        scenario, seed, tag: of the run. Users are named by tag, so that runs on one server do not meet.
        url, authority: of the server, and the PEM file to trust.
        index, processes: which of how many this is.
    """

    scenario: Scenario
    seed: int
    tag: str
    url: str
    authority: str | None
    index: int = 0
    processes: int = 1

    def devices(self, schedule: Schedule) -> list[int]:
        """This process's: customers go with their agent, so that direct chats stay within a process."""
        population, persons = self.scenario.population, schedule.people.persons
        found = []
        for person in persons:
            if person.agent:
                agent = (person.number - population.customers) // population.agent_devices
            else:
                agent = person.number % population.agents
            if agent % self.processes == self.index:
                found.append(person.number)
        return found


@dataclass(slots=True)
class Harvest:
    """What a part brings home. Mergeable.

    Attributes:
        settled: everything posted was answered, and everything for its devices came, in time.
        storms: by storm: devices hit, and when each of them was back, in seconds.
        airtime: of the customers, whose devices are phones.
        generator_cpu_s: this process's own.
    """

    tally: Tally
    ledger: Ledger
    settled: bool
    storms: list[tuple[int, list[float]]]
    airtime: Airtime
    generator_cpu_s: float
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Harvest") -> None:
        """Take over another part's."""
        self.tally.add(other.tally)
        self.ledger.add(other.ledger)
        self.settled = self.settled and other.settled
        pairs = zip(self.storms, other.storms, strict=True)
        self.storms = [(mine[0] + its[0], sorted(mine[1] + its[1])) for mine, its in pairs]
        self.airtime.add(other.airtime)
        self.generator_cpu_s += other.generator_cpu_s
        self.failures += other.failures


Snapshot = dict[str, Any]


class Player:
    """Plays a part.

    Args:
        part: which.
        schedule: of its scenario and seed.
        token_of: makes tokens.
        pump: moves bytes.
    """

    def __init__(
        self, part: Part, schedule: Schedule, token_of: Callable[[str], str], pump: Pump | None = None
    ) -> None:
        self._part = part
        scenario = part.scenario
        self._tally = Tally()
        self._ledger = Ledger.of_size(len(schedule.postings))
        uploader = Uploader(part.authority)
        book = Book(
            people=schedule.people,
            tally=self._tally,
            ledger=self._ledger,
            name_of=lambda user: f"{part.tag}-{user}",
            group_id=lambda chat: group_id(part.tag, chat),
            sender_of=lambda number: schedule.postings[number].device,
            upload=uploader.submit,
            token_of=token_of,
            keepalive_s=scenario.app.keepalive_s / scenario.speed,
            ack_after_s=scenario.app.ack_after_s,
        )
        target = Target.parse(part.url, part.authority)
        self.driver = Driver(
            schedule, scenario, part.seed, part.devices(schedule), book, target, pump or Pump(), uploader
        )
        self._cpu_s = time.process_time()

    def snapshot(self) -> Snapshot:
        """The present moment, for whoever watches; the latencies are those since the last one."""
        counts: Mapping[str, int] = self._tally.counts
        ack, self._tally.second_ack = self._tally.second_ack, type(self._tally.second_ack)()
        names = (
            "posted",
            "acked",
            "received",
            "connects",
            "resumes",
            "dropped",
            "attempts",
            "retries",
            "gave_up",
        )
        return {
            "sessions": self.driver.consistent,
            **{name: counts[name] for name in names},
            "ack": ack.to_json(),
        }

    def finish(self, *, settled: bool) -> Harvest:
        """Hang up everybody, and bring it home."""
        driver = self.driver
        now_s = driver.pump.clock()
        driver.close()
        phones = [line for line in driver.lines.values() if not line.device.person.agent]
        airtime = Airtime(
            phones_s=len(phones) * (now_s - driver.began_s) * self._part.scenario.speed,
            awake_s=sum(line.device.radio.awake_s for line in phones),
            wakes=sum(line.device.radio.wakes for line in phones),
            bytes=sum(line.load_bytes for line in phones),
        )
        failures = [f"{line.device.user}: {line.failed}" for line in driver.lines.values() if line.failed]
        failures += [
            f"{line.device.user}: {kept} messages were never posted, their group or their media is missing"
            for line in driver.lines.values()
            if (kept := line.device.composer.holds)
        ]
        return Harvest(
            tally=self._tally,
            ledger=self._ledger,
            settled=settled,
            storms=[(storm.hit, sorted(storm.back_s)) for storm in driver.storms],
            airtime=airtime,
            generator_cpu_s=time.process_time() - self._cpu_s,
            failures=failures[:100],
        )


def group_id(tag: str, chat: int) -> int:
    """The conversation id of a group in the run `tag`: 53 random bits, the same in every process."""
    return random.Random(f"imload group {tag} {chat}").randint(1, INT_MAX)
