"""The ring of a device's last results as one blob: oldest first, counters dense up to the accepted one."""

import struct
from collections.abc import Iterable
from typing import Final

from improtocol.limits import COMMANDS_IN_FLIGHT_MAX
from imserver.storage.model import Outcome

#: digest, code, value, at_ms. The counter is implied.
_OUTCOME: Final = struct.Struct("<IHQQ")
RING_BYTES_MAX: Final = COMMANDS_IN_FLIGHT_MAX * _OUTCOME.size

#: `pack_outcome(digest, code, value, at_ms)`.
pack_outcome: Final = _OUTCOME.pack


def unpack_outcomes(accepted: int, ring: bytes) -> tuple[Outcome, ...]:
    """The outcomes up to counter `accepted`. Raises `ValueError` when the ring cannot be one."""
    count, rest = divmod(len(ring), _OUTCOME.size)
    if rest or count > min(accepted, COMMANDS_IN_FLIGHT_MAX):
        raise ValueError(f"a ring of {len(ring)} bytes at counter {accepted}")
    return tuple(
        Outcome(counter=counter, digest=digest, code=code, value=value, at_ms=at_ms)
        for counter, (digest, code, value, at_ms) in enumerate(
            _OUTCOME.iter_unpack(ring), accepted - count + 1
        )
    )


class Ring:
    """The last `COMMANDS_IN_FLIGHT_MAX` outcomes of a device, packed: objects would be ten times as big."""

    __slots__ = ("packed",)

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self.packed = bytearray()
        for outcome in outcomes:
            self.append(outcome.digest, outcome.code, outcome.value, outcome.at_ms)

    def append(self, digest: int, code: int, value: int, at_ms: int) -> None:
        """Take the outcome of the next counter; the oldest falls out."""
        packed = self.packed
        packed += pack_outcome(digest, code, value, at_ms)
        if len(packed) > RING_BYTES_MAX:
            del packed[:-RING_BYTES_MAX]

    def find(self, accepted: int, counter: int) -> Outcome | None:
        """The outcome of `counter`, where `accepted` is the newest's; None when it is not kept."""
        offset = len(self.packed) - (accepted - counter + 1) * _OUTCOME.size
        if counter > accepted or offset < 0:
            return None
        digest, code, value, at_ms = _OUTCOME.unpack_from(self.packed, offset)
        return Outcome(counter=counter, digest=digest, code=code, value=value, at_ms=at_ms)
