"""The ring of a device's last results as one blob: oldest first, counters dense up to the accepted one."""

import struct
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
