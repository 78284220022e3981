"""What a power cut leaves of the writes that no sync had covered."""

import random
from dataclasses import dataclass
from typing import Final

SECTOR_BYTES: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How one power cut treats what was not synced.

    Attributes:
        kept: the share of operations that reached the disk.
        torn: the share of kept writes that did so in part.
        ordered: the disk wrote in order, and stopped somewhere; otherwise any subset is possible.
        noise: what is missing of a torn write is not the old bytes but others, and a file that should have
            grown may have grown by such bytes.
    """

    kept: float
    torn: float
    ordered: bool = False
    noise: bool = False


#: A killed process: the operating system still writes everything.
KILLED: Final = Cut(kept=1.0, torn=0.0)


def draw_cut(rng: random.Random) -> Cut:
    """Some of each kind: nothing but the process died, nothing arrived, in order, and any subset."""
    kind = rng.random()
    if kind < 0.08:
        return KILLED
    if kind < 0.16:
        return Cut(kept=0.0, torn=0.0, noise=rng.random() < 0.5)
    return Cut(
        kept=rng.choice((0.1, 0.5, 0.9, 0.97)),
        torn=rng.choice((0.0, 0.1, 0.5)),
        ordered=kind < 0.4,
        noise=rng.random() < 0.3,
    )


def torn(rng: random.Random, before: bytes, data: bytes, *, noise: bool) -> bytes:
    """What stands in the place of a write that was cut short: `before` (as long) and `data` mixed.

    The first bytes, the last bytes, or any sectors of it arrived.
    """
    size = len(data)
    rest = rng.randbytes(size) if noise else before
    how = rng.random()
    at = rng.randrange(size + 1)
    if how < 0.5:
        return data[:at] + rest[at:]
    if how < 0.7:
        return rest[:at] + data[at:]
    mixed = bytearray(rest)
    for start in range(0, size, SECTOR_BYTES):
        if rng.random() < 0.5:
            mixed[start : start + SECTOR_BYTES] = data[start : start + SECTOR_BYTES]
    return bytes(mixed)
