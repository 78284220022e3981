"""Where the core's wish for slots and links meets the media room."""

from typing import Final

from improtocol.codes import Code
from improtocol.queries import MediaLink, UploadSlot
from imserver.app.quotas import Quotas
from imserver.core import Clock, MediaRefused
from imserver.media import BlobNotFound, MediaService, TooLarge
from imserver.storage.store import Store

_NOT_THERE: Final = "no such media, or you may not see it"


class Desk:
    """A `MediaDesk` on a `MediaService`.

    Args:
        media: the media room.
        store: asked for what an app has, so that a hopeless upload is refused before its first byte.
        quotas: what each app may have.
        clock: wall time.
        url: where clients reach the HTTP listener, without a slash at the end.
    """

    def __init__(self, media: MediaService, store: Store, quotas: Quotas, clock: Clock, url: str) -> None:
        self._media = media
        self._store = store
        self._quotas = quotas
        self._clock = clock
        self._url = url

    async def upload_slot(self, *, app: int, user: str, size: int, mime: str, name: str) -> UploadSlot:
        if await self._store.app_bytes(app) + size > self._quotas.bytes_max(app):
            raise MediaRefused(Code.QUOTA, "the shop's media storage is used up")
        try:
            ticket, _ = self._media.tickets.issue_upload(
                app=app, user=user, size_bytes=size, mime=mime, name=name
            )
        except TooLarge as error:
            raise MediaRefused(Code.TOO_LARGE, str(error)) from None
        expires_ms = self._clock.now_ms() + self._media.limits.upload_ticket_ms
        return UploadSlot(url=f"{self._url}/uploads", ticket=ticket, expires_ms=expires_ms)

    async def link(self, *, app: int, user: str, conversation: int, media: bytes) -> MediaLink:
        try:
            # A thumbnail is a blob of its own, so the original of each id is the right variant.
            await self._media.find(app, media)
        except BlobNotFound:
            raise MediaRefused(Code.NOT_FOUND, _NOT_THERE) from None
        ticket = self._media.tickets.issue_link(app=app, user=user, conversation=conversation, sha256=media)
        expires_ms = self._clock.now_ms() + self._media.limits.link_ms
        return MediaLink(url=f"{self._url}/media/{ticket}", expires_ms=expires_ms)
