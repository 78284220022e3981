"""Packing: the one msgpack dialect of the protocol, with its bounds.

Packing is canonical: one value has one byte string (shortest integers, definite lengths, text as `str`, bytes
as `bin`, no extension types). A retry can therefore be recognised by comparing bytes.
"""

from math import isfinite
from typing import Final, TypeAlias, Union

import msgpack

from improtocol.limits import ELEMENTS_MAX, FRAME_BYTES_MAX, INT_MAX, NESTING_MAX

#: What a frame may hold: JSON's types and byte strings.
Value: TypeAlias = Union[
    bool, int, float, str, bytes, "list[Value]", "tuple[Value, ...]", "dict[str, Value]", None
]

_SCALARS: Final = frozenset({str, bytes, bool, type(None)})


def pack(value: Value) -> bytes:
    """The canonical msgpack bytes of `value`."""
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def unpack(data: bytes | memoryview) -> Value:
    """The one value in `data`.

    The decoder is given the limits, so a hostile length can never make it allocate more than the input's own
    size.

    Raises:
        ValueError: `data` is not exactly one value in the protocol's dialect.
    """
    try:
        value: Value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            use_list=True,
            max_str_len=FRAME_BYTES_MAX,
            max_bin_len=FRAME_BYTES_MAX,
            max_array_len=ELEMENTS_MAX,
            max_map_len=ELEMENTS_MAX,
            max_ext_len=0,
        )
    except ValueError as error:
        raise ValueError(str(error) or type(error).__name__) from None
    except (msgpack.UnpackException, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a msgpack value: {type(error).__name__}") from None
    return value


def check_value(name: str, value: object, depth: int = NESTING_MAX) -> None:
    """`value` is made of JSON's types and bytes, nests at most `depth` levels, and its integers fit 53 bits.

    Raises:
        ValueError: with the path of the offending part.
    """
    kind = type(value)
    if kind in _SCALARS:
        if kind is str:
            _check_unicode(name, value)
        return
    if kind is int:
        assert isinstance(value, int)
        if not -INT_MAX <= value <= INT_MAX:
            raise ValueError(f"{name}: integers must fit 53 bits (JavaScript must be able to read them)")
        return
    if kind is float:
        assert isinstance(value, float)
        if not isfinite(value):
            raise ValueError(f"{name}: a float must be finite")
        return
    if depth == 0:
        raise ValueError(f"{name}: nested deeper than {NESTING_MAX} levels")
    if isinstance(value, list | tuple):
        if len(value) > ELEMENTS_MAX:
            raise ValueError(f"{name}: at most {ELEMENTS_MAX} elements")
        for index, item in enumerate(value):
            check_value(f"{name}[{index}]", item, depth - 1)
        return
    if isinstance(value, dict):
        if len(value) > ELEMENTS_MAX:
            raise ValueError(f"{name}: at most {ELEMENTS_MAX} keys")
        for key, item in value.items():
            if type(key) is not str:
                raise ValueError(f"{name}: keys must be text, not {type(key).__name__}")
            _check_unicode(f"{name}'s key", key)
            check_value(f"{name}.{key}", item, depth - 1)
        return
    raise ValueError(
        f"{name}: {kind.__name__} cannot be sent; use None, bool, int, float, str, bytes, list or dict"
    )


def _check_unicode(name: str, text: object) -> None:
    assert isinstance(text, str)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name}: holds a lone surrogate, which is not text") from None
