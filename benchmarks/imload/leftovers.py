"""What a phone leaves behind when it changes its network: connections that nobody closed."""

from collections import deque
from typing import Final

from imload.pump import Pump
from imload.wire import Wire

#: A half-open connection is kept so long after its successor is there, and so many of them at most.
LEFTOVER_S: Final = 5.0
LEFTOVERS_MAX: Final = 2000


class Leftovers:
    """Half-open connections: open here, and nothing more is read from them or written to them."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._wires: deque[tuple[float, Wire]] = deque()

    def add(self, wire: Wire) -> None:
        """Keep `wire` for a while."""
        self._wires.append((self._pump.now_s + LEFTOVER_S, wire))
        self.close_old()

    def close_old(self) -> None:
        """Close those whose time is over, and the oldest of too many."""
        while self._wires and (self._wires[0][0] <= self._pump.now_s or len(self._wires) > LEFTOVERS_MAX):
            self._wires.popleft()[1].close()

    def close(self) -> None:
        """Close all."""
        while self._wires:
            self._wires.popleft()[1].close()
