"""The page between uploads and downloads and what the shop lets its users do."""

from typing import Protocol


class Authorizer(Protocol):
    """Knows who may upload and who may read where, at this moment."""

    def may_upload(self, app: int, user: str) -> bool:
        """Whether the user may upload now. False once a ban is acknowledged, whatever tickets there are."""
        ...

    async def may_read(self, app: int, user: str, conversation: int) -> bool:
        """Whether the user may read media of the conversation now.

        False once a leave, removal or ban is acknowledged, whatever links were handed out before. An unknown
        conversation is False too.
        """
        ...
