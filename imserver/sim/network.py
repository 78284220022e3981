"""Who can reach whom: phones' networks, the server's door, and every connection that is still anybody's."""

from random import Random

import trio

from imserver.sim.buggify import Buggify
from imserver.sim.deterministic import Chance, Timers
from imserver.sim.pipes import Connection, Terms
from imserver.sim.sockets import SimDoor
from imserver.sim.trace import Trace

#: A dial that nobody answers is tried again after this long, twice as long each time, as SYNs are.
SYN_S = 1.0


class Network:
    """The network of a world."""

    def __init__(self, chance: Chance, timers: Timers, trace: Trace, buggify: Buggify) -> None:
        self._rng: Random = chance.stream("network")
        self._timers = timers
        self._trace = trace
        self._buggify = buggify
        self.terms = Terms()
        self.door: SimDoor | None = None
        self.offline: dict[str, str] = {}  #: phones without a network, and how they notice
        self.connections: list[Connection] = []
        self._count = 0

    async def dial(self, phone: str) -> Connection:
        """A connection, or OSError, or nothing at all for as long as one waits."""
        wait_s = SYN_S
        while True:
            await trio.sleep(self._rng.uniform(self.terms.latency_s_min, self.terms.latency_s_max) * 2)
            way = self.offline.get(phone)
            if way == "refused":
                raise OSError("network is unreachable")
            if way is None:
                door = self.door
                if door is None or door.closed:
                    raise ConnectionRefusedError("connection refused")
                self._count += 1
                connection = Connection(
                    self._count, phone, self._timers, self._rng, self._terms_of(), self._trace
                )
                if not self._buggify("accept_queue_full") and door.arrive(connection):
                    self._trace.note("dial", phone, connection.number)
                    self.connections = [one for one in self.connections if not one.over]
                    self.connections.append(connection)
                    return connection
            await trio.sleep(wait_s)
            wait_s *= 2

    def _terms_of(self) -> Terms:
        terms = Terms(
            latency_s_min=self.terms.latency_s_min,
            latency_s_max=self.terms.latency_s_max,
            window_bytes=self.terms.window_bytes,
            chunk_bytes_max=self.terms.chunk_bytes_max,
        )
        if self._buggify("tiny_chunks"):
            # Mostly small, but not for ever: a long message in threes is a thousand reads, and shows no more.
            terms.chunk_bytes_max = (1, 2, 3, 7, 50, 500)
        if self._buggify("tiny_window"):
            terms.window_bytes = self._rng.choice((20, 200, 1500))
        if self._buggify("slow_network"):
            terms.latency_s_max = self._rng.uniform(0.3, 2.0)
        return terms

    def of(self, phone: str) -> list[Connection]:
        """The phone's connections that somebody still holds."""
        return [one for one in self.connections if one.owner == phone and not one.over]

    def reset(self) -> None:
        """Every connection breaks."""
        for connection in self.connections:
            if not connection.over:
                connection.reset()

    def heal(self) -> None:
        """Every fault of the network stops."""
        self.offline.clear()
        for connection in self.connections:
            if not connection.over:
                connection.heal()
