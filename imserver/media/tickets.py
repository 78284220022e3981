"""Signed, expiring tickets: the right to make one upload, and the right to ask for one blob.

A ticket is base64url of `version, kind, msgpack fields, HMAC-SHA-256 of all before`. The kind is under the
signature, so a link can never pass as an upload ticket. Holding a link is not enough to read: membership is
asked at every read (HTTP room).
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final, TypeVar

import msgpack

from imserver.media.errors import TicketExpired, TicketInvalid

TICKET_CHARS_MAX: Final = 2048
KEY_BYTES_MIN: Final = 32
ORIGINAL: Final = "original"
THUMBNAIL: Final = "thumbnail"

_VERSION: Final = 1
_KIND_UPLOAD: Final = 1
_KIND_LINK: Final = 2
_MAC_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTicket:
    """The right of a user to upload one file of exactly this size under this upload id."""

    app: int
    user: str
    size_bytes: int
    mime: str
    name: str
    upload_id: str
    expires_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTicket:
    """The right of a user to ask for one blob as a member of a conversation.

    `variant` is `ORIGINAL` or `THUMBNAIL`; `sha256` names the original in either case. `name`
    is offered when the file is saved.
    """

    app: int
    user: str
    conversation: int
    sha256: bytes
    variant: str
    name: str
    expires_ms: int


Ticket = TypeVar("Ticket", UploadTicket, LinkTicket)


class Signer:
    """Makes and checks tickets. Thread-safe; no I/O."""

    def __init__(self, keys: Sequence[bytes], clock_ms: Callable[[], int]) -> None:
        """The first key signs, all of them verify, so that keys can be changed without killing links.

        Args:
            keys: secrets of at least 32 random bytes each.
            clock_ms: wall time in milliseconds since 1970.
        """
        if not keys or any(len(key) < KEY_BYTES_MIN for key in keys):
            raise ValueError(f"a ticket key needs at least {KEY_BYTES_MIN} bytes, and one key is needed")
        self._keys = tuple(keys)
        self._clock_ms = clock_ms

    def seal_upload(self, ticket: UploadTicket) -> str:
        """The ticket as text for an `Authorization: Bearer` header."""
        return self._seal(_KIND_UPLOAD, ticket)

    def seal_link(self, ticket: LinkTicket) -> str:
        """The ticket as text for a URL path."""
        return self._seal(_KIND_LINK, ticket)

    def open_upload(self, text: str) -> UploadTicket:
        """The genuine, unexpired ticket.

        Raises:
            TicketInvalid: not ours, altered in any bit, or a link.
            TicketExpired: genuine, but its time is over.
        """
        return self._open(_KIND_UPLOAD, UploadTicket, text)

    def open_link(self, text: str) -> LinkTicket:
        """The genuine, unexpired link; raises as `open_upload`."""
        return self._open(_KIND_LINK, LinkTicket, text)

    def _seal(self, kind: int, ticket: UploadTicket | LinkTicket) -> str:
        signed = bytes((_VERSION, kind)) + msgpack.packb(astuple(ticket))
        text = _encode(signed + hmac.digest(self._keys[0], signed, "sha256"))
        if len(text) > TICKET_CHARS_MAX:
            raise ValueError("the ticket's texts are too long")
        return text

    def _open(self, kind: int, shape: type[Ticket], text: str) -> Ticket:
        raw = _decode(text)
        signed, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        genuine = [hmac.compare_digest(hmac.digest(key, signed, "sha256"), mac) for key in self._keys]
        if not any(genuine) or signed[:2] != bytes((_VERSION, kind)):
            raise TicketInvalid("the ticket is not valid")
        # Signed by us, so its shape is right; bounded by TICKET_CHARS_MAX in any case.
        fields: list[Any] = msgpack.unpackb(signed[2:])
        ticket = shape(**dict(zip(shape.__slots__, fields, strict=True)))
        if ticket.expires_ms <= self._clock_ms():
            raise TicketExpired("the ticket has expired")
        return ticket


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        if len(text) <= TICKET_CHARS_MAX:
            raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            # Base64 decoders skip foreign characters and ignore spare bits; only the one canonical text
            # counts.
            if len(raw) > _MAC_BYTES and _encode(raw) == text:
                return raw
    except (binascii.Error, UnicodeEncodeError):
        pass
    raise TicketInvalid("the ticket is not valid")
