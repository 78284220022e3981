"""The network below its ends: connections as two pipes, each with its own delays, windows and failures.

Within one connection bytes are only ever delayed or cut off, never changed or swapped: that is what TCP
promises. Between connections of one device everything may overtake everything.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from random import Random

import trio

from imserver.sim.deterministic import Timers
from imserver.sim.trace import Trace


@dataclass(slots=True)
class Terms:
    """What a connection's network is like."""

    latency_s_min: float = 0.005
    latency_s_max: float = 0.05
    window_bytes: int = 64 * 1024
    #: Each read gives at most one of these at random; more than the largest arrives in two pieces.
    chunk_bytes_max: tuple[int, ...] = (64 * 1024,)


class Pipe:
    """One direction. `arrived` is called when there is something new to read, `drained` when to write."""

    def __init__(self, timers: Timers, rng: Random, terms: Terms) -> None:
        self._timers = timers
        self._rng = rng
        self.terms = terms
        self.arrived: Callable[[], None] = _nothing
        self.drained: Callable[[], None] = _nothing
        self._flying: deque[tuple[float, bytes | None]] = deque()
        self._flying_bytes = 0
        self._ready = bytearray()
        self._last_s = 0.0
        self._held_s = 0.0
        self.void = False
        self._severed = False
        self.finished = False  #: the writer has said goodbye
        self.ended = False  #: and the reader has heard it

    @property
    def room(self) -> int:
        """Bytes the writer may add. What has vanished stays unacknowledged, and so fills the window."""
        return max(0, self.terms.window_bytes - self._flying_bytes - len(self._ready))

    @property
    def readable(self) -> bool:
        """Bytes, or the end."""
        return bool(self._ready) or self.ended

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Send as much of `data` as the window takes."""
        count = min(len(data), self.room)
        if self.finished or not count:
            return 0
        taken = bytes(data[:count])
        if (
            self.terms.chunk_bytes_max[-1] < count and self._rng.random() < 0.5
        ):  # in two pieces, the border anywhere
            cut = self._rng.randrange(1, count)
            self._launch(taken[:cut])
            self._launch(taken[cut:])
        else:
            self._launch(taken)
        return count

    def finish(self) -> None:
        """FIN, behind everything written."""
        if not self.finished:
            self.finished = True
            self._launch(None)

    def sever(self) -> None:
        """Something on the way says FIN in the writer's name; what is written from now on goes nowhere."""
        if not self.finished:
            self._launch(None)
            self._severed = True

    def _launch(self, data: bytes | None) -> None:
        self._flying_bytes += len(data or b"")
        if self.void or self._severed:
            return
        latency_s = self._rng.uniform(self.terms.latency_s_min, self.terms.latency_s_max)
        self._last_s = max(self._last_s, trio.current_time() + latency_s)
        self._flying.append((self._last_s, data))
        self._timers.at(max(self._last_s, self._held_s), self._land)

    def _land(self) -> None:
        now_s = trio.current_time()
        if self.void or now_s < self._held_s:
            return
        landed = False
        while self._flying and self._flying[0][0] <= now_s:
            _, data = self._flying.popleft()
            landed = True
            if data is None:
                self.ended = True
            else:
                self._flying_bytes -= len(data)
                self._ready += data
        if landed:
            self.arrived()

    def hold(self, until_s: float) -> None:
        """Nothing arrives until then; it is not lost."""
        if until_s > self._held_s:
            self._held_s = until_s
            if until_s < inf:
                self._timers.at(until_s, self._land)

    def pause(self) -> None:
        """What is written from now on comes a good deal later than what was written before."""
        self._last_s = max(self._last_s, trio.current_time() + self._rng.uniform(0.1, 3))

    def release(self) -> None:
        """What is held arrives now."""
        self._held_s = 0.0
        self._timers.at(trio.current_time(), self._land)

    def vanish(self) -> None:
        """From now on nothing arrives any more, and nobody is told."""
        self.void = True
        self._flying.clear()

    def mend(self) -> None:
        """A reset may come through again; no bytes do, as some before them are lost."""
        self._severed = self._severed or self.void
        self.void = False

    def read(self, size: int) -> bytes:
        """Up to `size` bytes that have arrived; empty: none, or the end."""
        chunks = self.terms.chunk_bytes_max
        size = min(size, chunks[0] if len(chunks) == 1 else self._rng.choice(chunks))
        full = self.room == 0
        data = bytes(self._ready[:size])
        del self._ready[:size]
        if full and data:
            latency_s = self._rng.uniform(self.terms.latency_s_min, self.terms.latency_s_max)
            self._timers.at(trio.current_time() + latency_s, self._tell_drained)
        return data

    def _tell_drained(self) -> None:
        self.drained()


class Connection:
    """Two pipes and what each end knows of the other."""

    def __init__(self, number: int, owner: str, timers: Timers, rng: Random, terms: Terms, trace: Trace):
        self.number = number
        self.owner = owner
        self.up = Pipe(timers, rng, terms)
        self.down = Pipe(timers, rng, terms)
        self._timers = timers
        self._rng = rng
        self._trace = trace
        self.client_closed = self.server_closed = False
        self.client_broken = self.server_broken = False
        self.wake_client: Callable[[], None] = _nothing
        self.wake_server: Callable[[], None] = _nothing
        self.up.arrived, self.up.drained = self._at_server, self._client_may_write
        self.down.arrived, self.down.drained = self._at_client, self._server_may_write

    @property
    def over(self) -> bool:
        """Both ends have let go, or know that they must."""
        return (self.client_closed or self.client_broken) and (self.server_closed or self.server_broken)

    def note(self, what: str, data: bytes) -> None:
        """For the trace."""
        self._trace.bytes(what, self.number, data)

    def _at_server(self) -> None:
        if self.server_closed:
            if self.up.readable and not self.up.ended:
                self.break_client()  # bytes for a socket that is closed are answered by a reset
        else:
            self.wake_server()

    def _at_client(self) -> None:
        if self.client_closed:
            self.break_server()
        else:
            self.wake_client()

    def _client_may_write(self) -> None:
        self.wake_client()

    def _server_may_write(self) -> None:
        self.wake_server()

    def break_client(self) -> None:
        """A reset arrives at the client, if anything does."""
        if not self.down.void and not self.client_broken:
            self.client_broken = True
            self._trace.note("reset", self.number, "client")
            self.wake_client()

    def break_server(self) -> None:
        """A reset arrives at the server, if anything does."""
        if not self.up.void and not self.server_broken:
            self.server_broken = True
            self._trace.note("reset", self.number, "server")
            self.wake_server()

    def reset(self) -> None:
        """Something on the way resets it: both ends hear of it, not at the same moment."""
        for hit in (self.break_client, self.break_server):
            self._timers.at(trio.current_time() + self._rng.uniform(0, 0.2), hit)

    def half_open(self) -> None:
        """Both directions vanish, and nobody is told."""
        self.up.vanish()
        self.down.vanish()

    def heal(self) -> None:
        """Faults stop: what was held arrives, and who writes into the void learns of it."""
        if self.up.void or self.down.void:
            self.up.mend()
            self.down.mend()
            self.reset()
        else:
            self.up.release()
            self.down.release()


def _nothing() -> None:
    """Nobody listens yet."""
