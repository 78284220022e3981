"""Who writes when: dialogues between customers and agents, groups, and what is missed during outages."""

import random
from collections.abc import Iterable, Iterator, Mapping
from math import log

from imload.churn.outage import Outage
from imload.people import People
from imload.scenario import Scenario

#: (at_s, device, chat)
Spoken = tuple[float, int, int]


class Talk:
    """Draws postings without their contents, in no order.

    Args:
        scenario: rates and pauses.
        people: who there is.
        rng: the one source of chance here.
    """

    def __init__(self, scenario: Scenario, people: People, rng: random.Random) -> None:
        self._settings = scenario.dialogues
        self._seconds = scenario.seconds
        self._people = people
        self._rng = rng

    def dialogues(self, arrived_s: Mapping[int, float]) -> Iterator[Spoken]:
        """Customer and agent in turns; each message of an agent comes from one of its devices."""
        settings, rng = self._settings, self._rng
        rate = settings.per_customer_per_hour / 3600
        if rate <= 0:
            return
        for customer in range(self._people.customers):
            chat = self._people.chats[customer]
            agents = self._people.agent_devices(chat)
            at_s = max(0.0, arrived_s[customer]) + rng.expovariate(rate)
            while at_s < self._seconds:
                for turn in range(rng.randint(*settings.turns)):
                    if at_s >= self._seconds:
                        break
                    yield at_s, customer if turn % 2 == 0 else rng.choice(agents), customer
                    at_s += rng.lognormvariate(log(settings.think_s), settings.think_sigma)
                at_s += rng.expovariate(rate)

    def groups(self) -> Iterator[Spoken]:
        """Anyone in a group writes, at the group's rate."""
        rate = self._settings.group_messages_per_hour / 3600
        for chat in self._people.chats:
            at_s = self._rng.expovariate(rate) if chat.group and rate > 0 else self._seconds
            while at_s < self._seconds:
                yield at_s, self._rng.choice(chat.devices), chat.number
                at_s += self._rng.expovariate(rate)

    def missed(self, outages: Iterable[Outage]) -> Iterator[Spoken]:
        """What is written to devices that are away, spread over the time they are."""
        for outage in outages:
            length_s = outage.end_s - outage.begin_s
            for place in range(outage.missed):
                # Anywhere in its part of the time: those of a storm would come in one beat otherwise.
                at_s = outage.begin_s + length_s * (place + self._rng.random()) / outage.missed
                chat = self._people.chats[self._rng.choice(self._people.chats_of[outage.device])]
                user = self._people.persons[outage.device].user
                others = [d for d in chat.devices if self._people.persons[d].user != user]
                yield at_s, self._rng.choice(others), chat.number
