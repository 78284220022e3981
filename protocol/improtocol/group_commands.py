"""The commands that make and change groups."""

from dataclasses import dataclass

from improtocol import limits
from improtocol.checks import check_int, check_name, check_text
from improtocol.entries import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Make a group under an id the client drew (53 random bits), so messages may follow before the result."""

    conversation: int
    title: str = ""
    members: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_int("conversation", self.conversation, 1)
        check_text("title", self.title, limits.TITLE_BYTES_MAX, empty=True)
        _check_users(self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """Bring users into a group. Result: a sequence number."""

    conversation: int
    users: tuple[str, ...]

    def __post_init__(self) -> None:
        check_int("conversation", self.conversation, 1)
        if not self.users:
            raise ValueError("invite at least one user")
        _check_users(self.users)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Leave a group. Result: a sequence number, the last one the user sees."""

    conversation: int

    def __post_init__(self) -> None:
        check_int("conversation", self.conversation, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Put a user out of a group. Result: a sequence number, the last one that user sees."""

    conversation: int
    user: str

    def __post_init__(self) -> None:
        check_int("conversation", self.conversation, 1)
        check_name("user", self.user, limits.USER_BYTES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRole:
    """Give a member another role. Result: a sequence number."""

    conversation: int
    user: str
    role: Role

    def __post_init__(self) -> None:
        check_int("conversation", self.conversation, 1)
        check_name("user", self.user, limits.USER_BYTES_MAX)
        if type(self.role) is not Role:
            raise ValueError("role must be a Role")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """Give a group another title, or none. Result: a sequence number."""

    conversation: int
    title: str

    def __post_init__(self) -> None:
        check_int("conversation", self.conversation, 1)
        check_text("title", self.title, limits.TITLE_BYTES_MAX, empty=True)


def _check_users(users: tuple[str, ...]) -> None:
    if len(users) > limits.USERS_PER_COMMAND_MAX:
        raise ValueError(f"at most {limits.USERS_PER_COMMAND_MAX} users in one command, not {len(users)}")
    for user in users:
        check_name("user", user, limits.USER_BYTES_MAX)
    if len(set(users)) != len(users):
        raise ValueError("a user may be named once only")
