"""A message's body: content, what it replies to, whom it mentions. The unit the log stores, packed once.

On the wire: the bare string for plain text, otherwise `[type, [field, ...], reply_to | nil, [user, ...]]`,
shortened from the end.
"""

from dataclasses import dataclass

from improtocol import limits
from improtocol.checks import check_int, check_name
from improtocol.content import Content, Text, Unknown
from improtocol.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`content`, maybe in reply to the record with seq `reply_to`, mentioning users by their ids."""

    content: Content | Unknown
    reply_to: int | None = None
    mentions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.content, Content | Unknown):
            raise ValueError(f"content must be one of the content types, not {type(self.content).__name__}")
        if self.reply_to is not None:
            check_int("reply_to", self.reply_to, 1)
        if self.mentions:
            if len(self.mentions) > limits.MENTIONS_MAX:
                raise ValueError(
                    f"a message mentions at most {limits.MENTIONS_MAX} users, not {len(self.mentions)}"
                )
            for user in self.mentions:
                check_name("mentioned user", user, limits.USER_BYTES_MAX)

    def to_value(self) -> Value:
        """The wire form. Raises `ValueError` for content that this version could not read."""
        content = self.content
        if isinstance(content, Unknown):
            raise ValueError("content of an unknown type cannot be sent")
        if type(content) is Text and self.reply_to is None and not self.mentions:
            return content.text
        value: list[Value] = [content.TYPE, content.to_fields()]
        if self.mentions:
            value += [self.reply_to, list(self.mentions)]
        elif self.reply_to is not None:
            value.append(self.reply_to)
        return value
