"""Building frozen values from parts that were checked just now, without `__init__` and `__post_init__`.

Decoding a text message builds four of them; their constructors' keyword parsing, frozen assignments and
repeated checks were half of its cost. Only decoders use this, behind their own checks, and the server for
frames that it makes by the thousand of nothing but its own figures; everybody else constructs.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import TypeVar

T = TypeVar("T")


def trusted(cls: type[T]) -> Callable[..., T]:
    """A function that takes all values in the order of the class's fields, and checks nothing.

    `cls` must be a dataclass with slots: its slot descriptors set what frozen assignment refuses.
    """
    new = cls.__new__
    setters = [getattr(cls, field.name).__set__ for field in fields(cls)]  # type: ignore[arg-type]
    if len(setters) == 1:
        set_only = setters[0]

        def build_one(value: object) -> T:
            made = new(cls)
            set_only(made, value)
            return made

        return build_one
    set_first, set_second = setters[:2]
    if len(setters) == 2:

        def build_two(first: object, second: object) -> T:
            made = new(cls)
            set_first(made, first)
            set_second(made, second)
            return made

        return build_two
    if len(setters) == 3:
        set_third = setters[2]

        def build_three(first: object, second: object, third: object) -> T:
            made = new(cls)
            set_first(made, first)
            set_second(made, second)
            set_third(made, third)
            return made

        return build_three

    def build(*values: object) -> T:
        made = new(cls)
        for set_one, value in zip(setters, values, strict=True):
            set_one(made, value)
        return made

    return build
