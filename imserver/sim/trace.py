"""The trace of a run: everything that crosses a border, folded into one hash, the last lines kept as text."""

from collections import deque
from hashlib import blake2b
from typing import Final
from zlib import crc32

import trio

#: Lines kept for a failure's report.
LINES_KEPT: Final = 400
#: More happens in no hour (it has some 10,000): somebody tries again and again in vain.
LINES_PER_HOUR_MAX: Final = 600_000


class Livelock(AssertionError):
    """Much happens, and nothing comes of it."""


class Trace:
    """Frames, commits and incidents in the order in which they happened."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=8)
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self.count = 0
        self._hour = 0
        self._count_max = LINES_PER_HOUR_MAX

    def note(self, what: str, *facts: object) -> None:
        """Something happened. `facts` must print the same in every process."""
        line = f"{trio.current_time():.6f} {what} {' '.join(map(str, facts))}"
        self._hash.update(line.encode())
        self.lines.append(line)
        self.count += 1
        if self.count > self._count_max:
            self._next_hour()

    def _next_hour(self) -> None:
        hour = int(trio.current_time() // 3600)
        if hour == self._hour:
            raise Livelock(f"{self.count} events, and no end")
        self._hour, self._count_max = hour, self.count + LINES_PER_HOUR_MAX

    def bytes(self, what: str, connection: int, data: bytes | bytearray | memoryview) -> None:
        """Bytes went over a connection."""
        self.note(what, connection, len(data), f"{crc32(data):08x}")

    def digest(self) -> str:
        """The hash of everything so far."""
        return self._hash.hexdigest()
