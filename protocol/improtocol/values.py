"""Packing: the one msgpack dialect of the protocol, with its bounds.

Packing is canonical: one value has one byte string (shortest integers, definite lengths, text as `str`,
bytes as `bin`, no extension types). A retry can therefore be recognised by comparing bytes.
"""

from math import isfinite
from typing import Any, Final, TypeAlias, Union

import msgpack

from improtocol.limits import ELEMENTS_MAX, FRAME_BYTES_MAX, INT_MAX, NESTING_MAX

#: What a frame may hold: JSON's types and byte strings.
Value: TypeAlias = Union[
    bool, int, float, str, bytes, "list[Value]", "tuple[Value, ...]", "dict[str, Value]", None
]

_SCALARS: Final = frozenset({bool, int, float, str, bytes, type(None)})

#: Packers not in use. A Packer is three times as fast the second time, but serves one thread at a time:
#: each call takes one out (atomic in CPython) and puts it back, so there are as many as threads that ever
#: packed at once.
_packers: Final[list[msgpack.Packer]] = []

#: msgpack's decoder allocates an array of the announced length at once, 8 bytes an element, before the
#: elements are there. So many such headers (0xdc, 0xdd) in one input cost at most 64 times its size; with
#: more of them their completeness is checked first, without building anything.
_LONG_ARRAYS_UNCHECKED: Final = 8
#: Up to this size nothing needs to be counted: 42 such headers of 126 elements each cost 42 KB.
_SHORT_BYTES: Final = 127

#: By a value's first byte: its bytes, those of its elements apart. 0: a length follows. Kept as bytes: mypyc
#: makes a type of a tuple of so many numbers, and the C compiler comes to no end with it.
_SIZES: Final = (
    b"\1" * 0xA0
    + bytes(range(1, 33))  # short text
    + bytes.fromhex("01010101 000000000000 0509 02030509 02030509 000000000000000000000000")
    + b"\1" * 32
)
#: By its first byte: how many values it announces, as short maps and arrays do.
_ANNOUNCED: Final = bytes(0x80) + bytes(range(0, 32, 2)) + bytes(range(16)) + bytes(0x60)
#: The bytes of the length behind a first byte: bytes, text, arrays, maps. Not extension types.
_LENGTH_BYTES: Final = {
    0xC4: 1,
    0xC5: 2,
    0xC6: 4,
    0xD9: 1,
    0xDA: 2,
    0xDB: 4,
    0xDC: 2,
    0xDD: 4,
    0xDE: 2,
    0xDF: 4,
}


def pack(value: Value) -> bytes:
    """The canonical msgpack bytes of `value`.

    Raises:
        ValueError: `value` nests hundreds of levels deep.
        TypeError, OverflowError: `value` holds what msgpack has no form for.
    """
    try:
        packer = _packers.pop()
    except IndexError:
        packer = msgpack.Packer()
    try:
        packed: bytes = packer.pack(value)
    except RecursionError:
        raise ValueError("nested too deep") from None
    _packers.append(packer)  # after an error it is dropped instead: what it holds then is undefined
    return packed


def unpack(data: bytes | memoryview, values_max: int = FRAME_BYTES_MAX) -> Value:
    """The one value in `data`, made of at most `values_max` (128 or more).

    Allocates at most about 200 bytes for each value allowed, whatever `data` announces: for `values_max`, or
    as many as `data` has bytes if these are fewer. Recurses a bounded depth.

    Raises:
        ValueError: `data` is not exactly one value in the protocol's dialect, or breaks its bounds.
    """
    try:
        if len(data) > _SHORT_BYTES:
            data = bytes(data)  # which is `data` itself unless it is a memoryview
            if len(data) > values_max:  # so many bytes may hold more
                check_count("a frame", data, values_max)
            elif data.count(b"\xdc") + data.count(b"\xdd") > _LONG_ARRAYS_UNCHECKED:
                _check_complete(data)
        # Its defaults bound every length by that of `data`, and refuse keys that are not text or bytes.
        value: Value = msgpack.unpackb(data)
    except ValueError as error:
        raise ValueError(str(error) or type(error).__name__) from None
    except (msgpack.UnpackException, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a msgpack value: {type(error).__name__}") from None
    if type(value) is list and len(value) <= ELEMENTS_MAX:
        # Not known to be values yet: compiled, one that is none would be a TypeError here.
        items: list[Any] = value
        for item in items:  # most frames are flat
            if type(item) not in _SCALARS:
                _check_shape(item, NESTING_MAX - 1)
    elif type(value) not in _SCALARS:
        _check_shape(value, NESTING_MAX)
    return value


def _check_complete(data: bytes) -> None:
    """Everything that `data` announces is there: then no length in it can exceed its size in sum."""
    unpacker = msgpack.Unpacker(read_size=len(data), max_buffer_size=len(data))
    unpacker.feed(data)
    unpacker.skip()


def check_count(name: str, data: bytes, most: int) -> None:
    """The value in `data` is made of at most `most`: itself, its elements, keys included, and theirs.

    Goes from first byte to first byte and builds nothing, 0.1 microseconds each. What is announced counts,
    there or not: so arrays of the announced lengths cost 8 bytes times `most` in sum.

    Raises:
        ValueError: there are more, or extension types among them. Other faults are left to the decoder.
    """
    count, at, end = 1, 0, len(data)
    for _ in range(most):  # what comes behind as many is not part of the value
        if at >= end:
            return
        first = data[at]
        if size := _SIZES[first]:
            at += size
            count += _ANNOUNCED[first]
        else:
            if (length_bytes := _LENGTH_BYTES.get(first, 0)) == 0:
                raise ValueError("extension types are not part of the protocol")
            at += 1 + length_bytes
            length = int.from_bytes(data[at - length_bytes : at], "big")
            if first < 0xDC:
                at += length
            else:
                count += length if first < 0xDE else 2 * length
        if count > most:
            raise ValueError(f"{name}: at most {most} values")


def _check_shape(value: object, depth: int) -> None:
    """`value` nests at most `depth` levels, holds no extension types, and no array or map is too long."""
    if depth == 0:
        raise ValueError(f"nested deeper than {NESTING_MAX} levels")
    if type(value) is list:
        items = value
    elif type(value) is dict:
        if any(type(key) is not str for key in value):
            raise ValueError("the keys of a map must be text")
        items = list(value.values())
    else:
        raise ValueError("extension types are not part of the protocol")
    if len(items) > ELEMENTS_MAX:
        raise ValueError(f"an array or map has at most {ELEMENTS_MAX} elements")
    for item in items:
        if type(item) not in _SCALARS:
            _check_shape(item, depth - 1)


def check_value(name: str, value: object, depth: int = NESTING_MAX) -> None:
    """`value` is made of JSON's types and bytes, nests at most `depth` levels, and its integers fit 53 bits.

    Raises:
        ValueError: with the path of the offending part.
    """
    kind = type(value)
    if isinstance(value, str):
        _check_unicode(name, value)
    elif kind is int:
        assert isinstance(value, int)
        if not -INT_MAX <= value <= INT_MAX:
            raise ValueError(f"{name}: integers must fit 53 bits (JavaScript must be able to read them)")
    elif kind is float:
        assert isinstance(value, float)
        if not isfinite(value):
            raise ValueError(f"{name}: a float must be finite")
    elif kind in _SCALARS:
        return
    elif depth == 0:
        raise ValueError(f"{name}: nested too deep")
    elif kind is list or kind is tuple:
        assert isinstance(value, list | tuple)
        if len(value) > ELEMENTS_MAX:
            raise ValueError(f"{name}: at most {ELEMENTS_MAX} elements")
        for index, item in enumerate(value):
            check_value(f"{name}[{index}]", item, depth - 1)
    elif kind is dict:
        assert isinstance(value, dict)
        _check_map(name, value, depth)
    else:
        raise ValueError(
            f"{name}: {kind.__name__} cannot be sent; use None, bool, int, float, str, bytes, list or dict"
        )


def _check_map(name: str, value: dict[object, object], depth: int) -> None:
    if len(value) > ELEMENTS_MAX:
        raise ValueError(f"{name}: at most {ELEMENTS_MAX} keys")
    for key, item in value.items():
        if type(key) is not str:
            raise ValueError(f"{name}: keys must be text, not {type(key).__name__}")
        # As repr and cut off: the path ends up in a reason, where a control character or 30 KiB have no
        # place.
        path = f"{name}[{key!r:.40}]"
        _check_unicode(path, key)
        check_value(path, item, depth - 1)


def _check_unicode(name: str, text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name}: holds a lone surrogate, which is not text") from None
