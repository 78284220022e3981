"""Issues tickets within the limits. The core asks for them: it knows who may what."""

import secrets
from collections.abc import Callable

from imserver.media.errors import TooLarge
from imserver.media.limits import MediaLimits
from imserver.media.tickets import ORIGINAL, THUMBNAIL, LinkTicket, Signer, UploadTicket


class TicketOffice:
    """Makes and opens tickets; no I/O."""

    def __init__(self, signer: Signer, limits: MediaLimits, clock_ms: Callable[[], int]) -> None:
        self._signer = signer
        self._limits = limits
        self._clock_ms = clock_ms

    def issue_upload(
        self, *, app: int, user: str, size_bytes: int, mime: str, name: str, upload_id: str | None = None
    ) -> tuple[str, str]:
        """A ticket for one upload, and its upload id; give an upload id back to renew an expired ticket.

        Raises:
            TooLarge: no upload may have that size (0 included).
        """
        if not 0 < size_bytes <= self._limits.upload_bytes_max:
            raise TooLarge(f"an upload has 1 to {self._limits.upload_bytes_max} bytes, not {size_bytes}")
        ticket = UploadTicket(
            app=app,
            user=user,
            size_bytes=size_bytes,
            mime=mime,
            name=name,
            upload_id=upload_id or secrets.token_hex(16),
            expires_ms=self._clock_ms() + self._limits.upload_ticket_ms,
        )
        return self._signer.seal_upload(ticket), ticket.upload_id

    def issue_link(
        self,
        *,
        app: int,
        user: str,
        conversation: int,
        sha256: bytes,
        variant: str = ORIGINAL,
        name: str = "",
    ) -> str:
        """A link. The caller has checked that the user sees this blob in that conversation."""
        assert variant in {ORIGINAL, THUMBNAIL}
        ticket = LinkTicket(
            app=app,
            user=user,
            conversation=conversation,
            sha256=sha256,
            variant=variant,
            name=name,
            expires_ms=self._clock_ms() + self._limits.link_ms,
        )
        return self._signer.seal_link(ticket)

    def open_upload(self, text: str) -> UploadTicket:
        """See `Signer.open_upload`."""
        return self._signer.open_upload(text)

    def open_link(self, text: str) -> LinkTicket:
        """See `Signer.open_link`."""
        return self._signer.open_link(text)
