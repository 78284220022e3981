"""What stays in memory, by the room that asked for it."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import websockets

from tests.guards.counting import room_of

#: The rooms that keep something for a session. The store's own are measured by what they write.
_ROOMS: Final = frozenset({"improtocol", "gateway", "core"})
#: Of the libraries, what keeps something for a connection.
_WEBSOCKETS: Final = str(Path(websockets.__file__).parent)


@dataclass(slots=True)
class Kept:
    """Blocks of memory and their bytes."""

    blocks: int = 0
    size_bytes: int = 0


@contextmanager
def kept() -> Iterator[Kept]:
    """What our rooms and `websockets` asked for in the block and have not given back by its end."""
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
        filename = line.traceback[0].filename
        if room_of(filename) in _ROOMS or filename.startswith(_WEBSOCKETS):
            found.blocks += line.count
            found.size_bytes += line.size
