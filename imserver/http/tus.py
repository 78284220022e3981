"""Resumable upload: tus 1.0.0 (tus.io/protocols).

Core, creation, creation-with-upload, termination and expiration.

Every request carries an upload ticket (`Authorization: Bearer …`), which names the upload; so creating is
idempotent, and a client that never saw the answer asks again and goes on. The answer that finishes an upload,
and every later HEAD, tells what it became: Media-Id, Media-Type, Media-Size, Media-Width, Media-Height,
Media-Duration-Ms, Media-Thumbnail.
"""

import re
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imserver.http.authorizer import Authorizer
from imserver.http.body import Body
from imserver.http.errors import BadRequest
from imserver.http.metrics import HttpMetrics
from imserver.media import (
    BlobInfo,
    MediaError,
    MediaService,
    TicketInvalid,
    TooLarge,
    UploadForbidden,
    UploadNotFound,
    UploadState,
)
from imserver.media import UploadTicket as Ticket

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,expiration,termination"
BODY_TYPE: Final = "application/offset+octet-stream"
_NUMBER: Final = re.compile(r"\d{1,15}", re.ASCII)

Handler = Callable[[Request, Ticket], Awaitable[Response]]


class TusUploads:
    """The endpoints `/uploads` and `/uploads/{id}`."""

    def __init__(
        self, media: MediaService, authorizer: Authorizer, metrics: HttpMetrics, idle_s_max: float
    ) -> None:
        self._media = media
        self._authorizer = authorizer
        self._metrics = metrics
        self._idle_s_max = idle_s_max

    def routes(self) -> list[Route]:
        """The routes, for an application."""
        return [
            Route("/uploads", self.collection, methods=["OPTIONS", "POST"]),
            Route("/uploads/{id}", self.upload, methods=["OPTIONS", "HEAD", "PATCH", "DELETE", "POST"]),
        ]

    async def collection(self, request: Request) -> Response:
        """Discover with OPTIONS, create with POST."""
        return await self._dispatch(request, {"POST": self._create})

    async def upload(self, request: Request) -> Response:
        """HEAD asks how far it is, PATCH goes on, DELETE abandons."""
        return await self._dispatch(
            request, {"HEAD": self._state, "PATCH": self._write, "DELETE": self._abandon}
        )

    async def _dispatch(self, request: Request, handlers: dict[str, Handler]) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=self._discovery())
        # Environments without PATCH and DELETE may send POST and the header (tus, X-HTTP-Method-Override).
        handler = handlers.get(request.headers.get("X-HTTP-Method-Override", request.method).upper())
        if handler is None:
            raise BadRequest(
                "no such method here", status=405, headers={"Allow": ", ".join(("OPTIONS", *handlers))}
            )
        if request.headers.get("Tus-Resumable") != VERSION:
            raise BadRequest(f"Tus-Resumable must be {VERSION}", status=412, headers={"Tus-Version": VERSION})
        outcome = "error"
        try:
            response = await handler(request, self._ticket(request))
            outcome = "finished" if "Media-Id" in response.headers else "ok"
        except MediaError as error:
            outcome = error.code
            raise
        finally:
            self._metrics.uploads.labels(outcome).inc()
        response.headers["Tus-Resumable"] = VERSION
        response.headers["Cache-Control"] = "no-store"
        return response

    def _discovery(self) -> dict[str, str]:
        return {
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(self._media.limits.upload_bytes_max),
        }

    def _ticket(self, request: Request) -> Ticket:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise TicketInvalid("an upload ticket is needed: Authorization: Bearer <ticket>")
        ticket = self._media.tickets.open_upload(text.strip())
        if request.path_params.get("id", ticket.upload_id) != ticket.upload_id:
            raise UploadNotFound("no such upload for this ticket")
        self._check_allowed(ticket)
        return ticket

    def _check_allowed(self, ticket: Ticket) -> None:
        if not self._authorizer.may_upload(ticket.app, ticket.user):
            raise UploadForbidden("this user is shut out")

    def _body(self, request: Request, ticket: Ticket) -> Body:
        return Body(request, self._idle_s_max, partial(self._check_allowed, ticket))

    async def _create(self, request: Request, ticket: Ticket) -> Response:
        size_bytes = _number(request, "Upload-Length")
        if size_bytes > self._media.limits.upload_bytes_max:
            raise TooLarge(f"an upload has at most {self._media.limits.upload_bytes_max} bytes")
        if size_bytes != ticket.size_bytes:
            raise BadRequest(f"Upload-Length must be the ticket's size, {ticket.size_bytes}")
        state = await self._media.create(ticket)
        if _body_type(request) == BODY_TYPE and state.offset_bytes == 0:
            _check_length(request, 0, ticket)
            state = await self._media.write(ticket, 0, self._body(request, ticket))
        headers = _state_headers(state)
        headers["Location"] = f"/uploads/{state.id}"
        return Response(status_code=201, headers=headers)

    async def _state(self, _request: Request, ticket: Ticket) -> Response:
        state = await self._media.state(ticket)
        headers = _state_headers(state)
        headers["Upload-Length"] = str(state.size_bytes)
        return Response(status_code=200, headers=headers)

    async def _write(self, request: Request, ticket: Ticket) -> Response:
        if _body_type(request) != BODY_TYPE:
            raise BadRequest(f"Content-Type must be {BODY_TYPE}", status=415)
        offset_bytes = _number(request, "Upload-Offset")
        _check_length(request, offset_bytes, ticket)
        state = await self._media.write(ticket, offset_bytes, self._body(request, ticket))
        return Response(status_code=204, headers=_state_headers(state))

    async def _abandon(self, _request: Request, ticket: Ticket) -> Response:
        await self._media.abandon(ticket)
        return Response(status_code=204)


def _number(request: Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not _NUMBER.fullmatch(text):
        raise BadRequest(f"{header} must be a number of bytes")
    return int(text)


def _body_type(request: Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _check_length(request: Request, offset_bytes: int, ticket: Ticket) -> None:
    """Refuse a body that is announced to be too long before reading any of it."""
    announced = request.headers.get("Content-Length", "0")
    if _NUMBER.fullmatch(announced) and offset_bytes + int(announced) > ticket.size_bytes:
        raise TooLarge(f"the upload was declared to have {ticket.size_bytes} bytes")


def _state_headers(state: UploadState) -> dict[str, str]:
    headers = {
        "Upload-Offset": str(state.offset_bytes),
        "Upload-Expires": formatdate(state.expires_ms / 1000, usegmt=True),
    }
    return headers | _media_headers(state.blob) if state.blob else headers


def _media_headers(blob: BlobInfo) -> dict[str, str]:
    headers = {"Media-Id": blob.sha256.hex(), "Media-Type": blob.mime, "Media-Size": str(blob.size_bytes)}
    if blob.width and blob.height:
        headers |= {"Media-Width": str(blob.width), "Media-Height": str(blob.height)}
    if blob.duration_ms is not None:
        headers["Media-Duration-Ms"] = str(blob.duration_ms)
    if blob.thumbnail is not None:
        headers["Media-Thumbnail"] = blob.thumbnail.hex()
    return headers
