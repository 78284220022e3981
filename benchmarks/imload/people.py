"""Who there is and who talks to whom: devices and chats by number, from the scenario alone."""

from dataclasses import dataclass

from imload.churn.outage import Who
from imload.scenario import Population


@dataclass(frozen=True, slots=True)
class Person:
    """One device of a user. `number` is its index among all devices."""

    number: int
    user: str
    device: str
    agent: bool


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation: its members' devices by number, the maker's first device at first."""

    number: int
    group: bool
    users: tuple[str, ...]
    devices: tuple[int, ...]


class People:
    """All devices and chats.

    Devices: customers first, then each agent's. Chats: one for each customer with an agent, then the groups.
    """

    def __init__(self, population: Population) -> None:
        self.customers = population.customers
        self.persons: list[Person] = [
            Person(n, f"customer-{n}", "phone", agent=False) for n in range(population.customers)
        ]
        self._of_agent: list[tuple[int, ...]] = []
        for agent in range(population.agents):
            first = len(self.persons)
            for which in range(population.agent_devices):
                self.persons.append(Person(first + which, f"agent-{agent}", f"desk-{which}", agent=True))
            self._of_agent.append(tuple(range(first, len(self.persons))))
        self.chats: list[Chat] = []
        for customer in range(population.customers):
            agent = customer % population.agents
            users = (f"customer-{customer}", f"agent-{agent}")
            self.chats.append(Chat(customer, False, users, (customer, *self._of_agent[agent])))
        for group in range(population.groups):
            self.chats.append(self._group(population, group))
        #: By device: its chats by number, ascending.
        self.chats_of: list[list[int]] = [[] for _ in self.persons]
        for chat in self.chats:
            for device in chat.devices:
                self.chats_of[device].append(chat.number)

    def _group(self, population: Population, group: int) -> Chat:
        agents = population.agents
        devices: list[int] = []
        users: list[str] = []
        for place in range(population.group_members):
            if place < agents:
                who = self._of_agent[(group + place) % agents]
            else:
                who = ((group + place - agents) % population.customers,)
            devices += who
            users.append(self.persons[who[0]].user)
        return Chat(population.customers + group, True, tuple(users), tuple(devices))

    def numbers(self, who: Who) -> list[int]:
        """The devices of `who`, ascending."""
        first, last = 0, len(self.persons)
        if who is Who.CUSTOMERS:
            last = self.customers
        elif who is Who.AGENTS:
            first = self.customers
        return list(range(first, last))

    def agent_devices(self, chat: Chat) -> tuple[int, ...]:
        """The devices of the agent in a direct chat."""
        return chat.devices[1:]
