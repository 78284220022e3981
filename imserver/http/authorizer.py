"""The page between a download and membership."""

from typing import Protocol


class Authorizer(Protocol):
    """Knows who may read where, at this moment."""

    async def may_read(self, app: int, user: str, conversation: int) -> bool:
        """Whether the user may read media of the conversation now.

        False once a leave, removal or ban is acknowledged, whatever links were handed out before. An unknown
        conversation is False too.
        """
        ...
