"""Media by signed link: the link says who asks for what; membership is asked anew every time."""

from typing import Final

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from imserver.http.authorizer import Authorizer
from imserver.http.disposition import content_disposition
from imserver.http.errors import BadRequest
from imserver.http.metrics import HttpMetrics
from imserver.http.ranges import ByteRange, RangeUnsatisfiable, parse_range
from imserver.media import (
    BlobInfo,
    BlobNotFound,
    LinkTicket,
    MediaError,
    MediaService,
    TicketExpired,
    TicketInvalid,
)
from imserver.media.inspect import INLINE_TYPES

#: A removed member who reads very slowly gets at most this much more.
_RECHECK_BYTES: Final = 1024 * 1024

_HARDENING: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "Accept-Ranges": "bytes",
    # A link is one user's; its content never changes.
    "Cache-Control": "private, max-age=86400, immutable",
}


class Downloads:
    """The endpoint `/media/{ticket}`."""

    def __init__(self, media: MediaService, authorizer: Authorizer, metrics: HttpMetrics) -> None:
        self._media = media
        self._authorizer = authorizer
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """The routes, for an application."""
        return [Route("/media/{ticket}", self.download, methods=["GET", "HEAD"])]

    async def download(self, request: Request) -> Response:
        """The blob, or a part of it.

        Raises:
            BlobNotFound: a forged link, no member (any more), no such blob: all the same to the outside.
            BadRequest: 410 if a genuine link has expired.
        """
        try:
            link = self._media.tickets.open_link(request.path_params["ticket"])
            if not await self.may_read(link):
                raise BlobNotFound("no such media")
            info = await self._media.find(link.app, link.sha256, link.variant)
        except TicketExpired as error:
            self._metrics.downloads_refused.labels(error.code).inc()
            raise BadRequest(
                "the link has expired, ask for a new one over the chat connection", status=410
            ) from error
        except (TicketInvalid, BlobNotFound) as error:
            self._metrics.downloads_refused.labels(error.code).inc()
            raise BlobNotFound("no such media") from error
        return self._answer(request, link, info)

    async def may_read(self, link: LinkTicket) -> bool:
        """Whether the link's user may read now."""
        return await self._authorizer.may_read(link.app, link.user, link.conversation)

    def _answer(self, request: Request, link: LinkTicket, info: BlobInfo) -> Response:
        etag = f'"{info.sha256.hex()}"'
        inline = info.mime in INLINE_TYPES
        headers = _HARDENING | {
            "ETag": etag,
            "Content-Type": info.mime if inline else "application/octet-stream",
            "Content-Disposition": content_disposition(inline=inline, name=link.name),
        }
        if _names(request.headers.get("If-None-Match"), etag):
            return Response(status_code=304, headers=headers)
        part = ByteRange(0, info.size_bytes)
        status = 200
        # RFC 9110: Range is for GET only (14.2); with an If-Range that is not our tag the whole is meant
        # (13.1.5).
        if request.method == "GET" and request.headers.get("If-Range", etag) == etag:
            try:
                asked = parse_range(request.headers.get("Range"), info.size_bytes)
            except RangeUnsatisfiable as error:
                beyond = {"Content-Range": f"bytes */{info.size_bytes}"}
                raise BadRequest("the range lies behind the end", status=416, headers=beyond) from error
            if asked is not None:
                part, status = asked, 206
                headers["Content-Range"] = part.content_range(info.size_bytes)
        headers["Content-Length"] = str(part.length)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        return _BlobResponse(self, link, info, part, status, headers)

    async def send_part(self, link: LinkTicket, info: BlobInfo, part: ByteRange, send: Send) -> None:
        """Send the body; stops short, which breaks the connection, when the blob or the right is gone."""
        position, end = part.start, part.start + part.length
        recheck_at = position + _RECHECK_BYTES
        while position < end:
            if position >= recheck_at:
                recheck_at = position + _RECHECK_BYTES
                if not await self.may_read(link):
                    return
            try:
                data = await self._media.read(info, position, end - position)
            except MediaError:
                return
            if not data:
                return
            position += len(data)
            self._metrics.download_bytes.inc(len(data))
            await send({"type": "http.response.body", "body": data, "more_body": position < end})


class _BlobResponse(Response):
    """Streams a part of a blob, one read at a time, and stops when the client is gone."""

    def __init__(
        self,
        downloads: Downloads,
        link: LinkTicket,
        info: BlobInfo,
        part: ByteRange,
        status: int,
        headers: dict[str, str],
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        self._downloads = downloads
        self._link = link
        self._info = info
        self._part = part

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_disconnect, receive, nursery.cancel_scope)
            # Returning without the last part makes the server close the connection: the client sees a short
            # body.
            await self._downloads.send_part(self._link, self._info, self._part, send)
            nursery.cancel_scope.cancel()


async def _cancel_on_disconnect(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _names(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names the tag, compared weakly (RFC 9110, 13.1.2)."""
    if header is None:
        return False
    return any(tag.strip().removeprefix("W/") in {etag, "*"} for tag in header.split(","))
