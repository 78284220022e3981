"""Counters of the command stream on the wire: the low bits, as both ends know about where the stream is.

The idea is QUIC's packet number (RFC 9000, 17.1 and A.3). A counter that its low bits do not tell, as after a
restore from a backup sets the stream back, travels whole, as a negative number.
"""

from typing import Final

from improtocol import limits
from improtocol.values import Value

_MODULUS: Final = 1 << limits.COUNTER_WIRE_BITS
_MASK: Final = _MODULUS - 1
_HALF: Final = _MODULUS // 2


def expand_counter(low_bits: int, near: int) -> int:
    """The counter with these low bits in [near - 64, near + 63], or 128 more where that is below 1."""
    lowest = near - _HALF
    counter = lowest + (low_bits - lowest & _MASK)
    return counter if counter >= 1 else counter + _MODULUS


def counter_to_wire(counter: int, last: int) -> int:
    """`counter` as it travels when `last` was the one before in the same direction."""
    if counter == last + 1:  # the usual case
        return counter & _MASK
    low_bits = counter & _MASK
    return low_bits if expand_counter(low_bits, last + 1) == counter else -counter


def counter_from_wire(value: Value, last: int) -> int:
    """The reverse of `counter_to_wire`. Raises `ValueError` for what no counter travels as."""
    following = last + 1
    if type(value) is int and value == following & _MASK:  # the usual case
        return following
    if type(value) is not int or not -limits.INT_MAX <= value <= _MASK:
        raise ValueError(f"a counter travels as {limits.COUNTER_WIRE_BITS} bits, or whole and negative")
    return expand_counter(value, following) if value >= 0 else -value
