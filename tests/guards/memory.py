"""What stays in memory, by the room that asked for it."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.guards.counting import room_of

#: The rooms that keep something for a session. The store's own are measured by what they write.
_ROOMS: Final = frozenset({"improtocol", "gateway", "core"})


@dataclass(slots=True)
class Kept:
    """Blocks of memory and their bytes."""

    blocks: int = 0
    size_bytes: int = 0


@contextmanager
def kept() -> Iterator[Kept]:
    """What the code of our rooms asked for in the block and had not given back at its end."""
    found = Kept()
    gc.collect()
    tracemalloc.start()
    try:
        yield found
        gc.collect()
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    for line in snapshot.statistics("lineno"):
        if room_of(line.traceback[0].filename) in _ROOMS:
            found.blocks += line.count
            found.size_bytes += line.size
