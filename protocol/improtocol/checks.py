"""Argument checks shared by frames and content: each raises `ValueError` that says what to do."""

import re
from typing import Final

from improtocol.limits import INT_MAX

#: Control characters, line and paragraph separators, and the embedding, override and isolate controls of
#: bidirectional text, by which "gpj.exe" poses as "exe.jpg" (Unicode TR 36, 2.5).
_NOT_IN_A_LINE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def check_int(name: str, value: object, low: int = 0, high: int = INT_MAX) -> None:
    """`value` is an integer (an IntEnum too, no bool) in [low, high]."""
    if type(value) is not int and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"{name} must be an integer, not {type(value).__name__}")
    if not low <= value <= high:
        raise ValueError(f"{name} must lie in {low}..{high}, not {value}")


def check_text(name: str, value: object, bytes_max: int, *, empty: bool = False) -> None:
    """`value` is Unicode text of at most `bytes_max` bytes of UTF-8 without NUL, not empty unless allowed."""
    if type(value) is not str:
        raise ValueError(f"{name} must be text, not {type(value).__name__}")
    if not value and not empty:
        raise ValueError(f"{name} must not be empty")
    # ASCII is one byte a character, so only other text pays for the encoding.
    if value.isascii():
        size = len(value)
    elif len(value) > bytes_max:
        # Not encoded to tell how much too long it is: that takes four bytes a character for a moment.
        raise ValueError(f"{name} may have at most {bytes_max} bytes of UTF-8, not {len(value)} or more")
    else:
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise ValueError(f"{name} holds a lone surrogate, which is not text") from None
    if size > bytes_max:
        raise ValueError(f"{name} may have at most {bytes_max} bytes of UTF-8, not {size}")
    if "\0" in value:
        raise ValueError(f"{name} must not hold a NUL character")


def check_bytes(name: str, value: object, low: int, high: int) -> None:
    """`value` is a byte string of low..high bytes."""
    if type(value) is not bytes:
        raise ValueError(f"{name} must be bytes, not {type(value).__name__}")
    if not low <= len(value) <= high:
        raise ValueError(f"{name} must have {low}..{high} bytes, not {len(value)}")


def check_bool(name: str, value: object) -> None:
    """`value` is a bool."""
    if type(value) is not bool:
        raise ValueError(f"{name} must be true or false, not {type(value).__name__}")


def check_name(name: str, value: object, bytes_max: int) -> None:
    """`value` is a one-line identifier: text without control characters or surrounding blanks."""
    check_text(name, value, bytes_max)
    assert isinstance(value, str)
    if not value.isprintable() or value != value.strip():
        raise ValueError(f"{name} must be printable, without blanks around it")


def check_line(name: str, value: object, bytes_max: int) -> None:
    """`value` is one line as people write them, a file name or an emoji: no controls, no outer blanks.

    Unlike `check_name` it lets through what real ones hold: the joiners of emoji and Persian, the wide
    space of Chinese file names, the narrow one that macOS puts into those of screenshots.
    """
    check_text(name, value, bytes_max)
    assert isinstance(value, str)
    if _NOT_IN_A_LINE.search(value) or value != value.strip():
        raise ValueError(f"{name} must be one line, without control characters or blanks around it")
