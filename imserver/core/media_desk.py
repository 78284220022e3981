"""What the core needs of the media room: where to upload and where to fetch.

The app that composes the server provides it.
"""

from typing import Protocol

from improtocol.queries import MediaLink, UploadSlot


class MediaRefused(Exception):
    """The request for a slot or link is refused; the text says why and what to do.

    `code` is an `improtocol.Code`.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class MediaDesk(Protocol):
    """Hands out upload slots and links. Who may have them was decided before."""

    async def upload_slot(self, *, app: int, user: str, size: int, mime: str, name: str) -> UploadSlot:
        """A slot for one upload. Raises `MediaRefused` for quota, size or type."""

    async def link(self, *, app: int, user: str, conversation: int, media: bytes) -> MediaLink:
        """A link to a blob that a record of `conversation` shows.

        Raises `MediaRefused` when it is not there.
        """
