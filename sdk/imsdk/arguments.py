"""What an app gives that cannot be meant is refused before anything happens."""

from collections.abc import Sequence


def users_of(users: Sequence[str]) -> tuple[str, ...]:
    """User ids; one string is none of these, though it can be iterated. Raises `TypeError`."""
    if isinstance(users, str):
        raise TypeError(f"{users!r} is one string: give a tuple or a list of user ids")
    return tuple(users)
