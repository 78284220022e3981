"""A planted bug, and its shortest form."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug: its name, the module, and (before, after) texts; each `before` is there exactly once."""

    name: str
    module: str
    changes: tuple[tuple[str, str], ...]


def one(name: str, module: str, before: str, after: str) -> Mutant:
    """A bug of one change."""
    return Mutant(name, module, ((before, after),))
