"""The fake server's media: tus 1.0 uploads and links, in memory, behind httpx's transport interface."""

from dataclasses import dataclass, field
from hashlib import sha256

import httpx

from improtocol import queries
from imsdk.media.sizes import read_size
from imsdk.testing.commands import Refused
from imsdk.testing.host import Host
from imsdk.testing.questions import check_link
from imsdk.testing.world import Blob

#: The address of nobody: nothing listens there, the transport answers.
BASE = "http://testing.invalid"


@dataclass(slots=True)
class _Upload:
    user: str
    size: int
    mime: str
    data: bytearray = field(default_factory=bytearray)
    media: bytes = b""


class Files:
    """Uploads and downloads of one fake server.

    Tickets are readable on purpose ("upload-3"): nothing here is secret.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._uploads: dict[str, _Upload] = {}
        self._tickets: dict[str, tuple[str, queries.Upload]] = {}
        self._links: dict[str, tuple[str, queries.Link]] = {}

    def slot(self, user: str, question: queries.Upload) -> queries.UploadSlot:
        """A place to upload to."""
        ticket = f"upload-{len(self._tickets) + 1}"
        self._tickets[ticket] = (user, question)
        expires_ms = self._host.now_ms() + 3_600_000
        return queries.UploadSlot(url=f"{BASE}/uploads", ticket=ticket, expires_ms=expires_ms)

    def link(self, user: str, question: queries.Link) -> queries.MediaLink:
        """A link to a blob that `user` may see; raises `Refused` otherwise."""
        check_link(self._host.world, user, question)
        ticket = f"link-{len(self._links) + 1}"
        self._links[ticket] = (user, question)
        return queries.MediaLink(url=f"{BASE}/media/{ticket}", expires_ms=self._host.now_ms() + 3_600_000)

    def expire_uploads(self) -> None:
        """Forget every ticket and unfinished upload, as if their time were over."""
        self._tickets.clear()
        self._uploads.clear()

    def transport(self) -> httpx.AsyncBaseTransport:
        """What an httpx client needs to reach this."""
        return httpx.MockTransport(self._handle)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if self._host.is_offline:
            raise httpx.ConnectError("the network is off", request=request)
        parts = request.url.path.strip("/").split("/")
        match request.method, parts:
            case "POST", ["uploads"]:
                return self._create(request)
            case "HEAD" | "PATCH", ["uploads", name] if name in self._uploads:
                upload = self._uploads[name]
                return self._append(request, upload) if request.method == "PATCH" else _state(upload, 200)
            case "GET", ["media", ticket] if ticket in self._links:
                return self._download(request, *self._links[ticket])
            case _:
                return httpx.Response(404)

    def _create(self, request: httpx.Request) -> httpx.Response:
        ticket = request.headers.get("authorization", "").removeprefix("Bearer ")
        if ticket not in self._tickets:
            return httpx.Response(401)
        user, question = self._tickets[ticket]
        if int(request.headers["upload-length"]) != question.size:
            return httpx.Response(413)
        # A ticket names its upload, so creating twice is creating once.
        upload = self._uploads.setdefault(ticket, _Upload(user, question.size, question.mime))
        if request.content and not upload.data:
            self._take(request, upload)
        answer = _state(upload, 201)
        answer.headers["Location"] = f"{BASE}/uploads/{ticket}"
        return answer

    def _append(self, request: httpx.Request, upload: _Upload) -> httpx.Response:
        if int(request.headers["upload-offset"]) != len(upload.data):
            return httpx.Response(409)
        self._take(request, upload)
        return httpx.Response(413) if len(upload.data) > upload.size else _state(upload, 204)

    def _take(self, request: httpx.Request, upload: _Upload) -> None:
        body = request.content
        passing = self._host.allow(len(body))
        upload.data += body[:passing]
        if passing < len(body):
            raise httpx.WriteError("the connection was cut", request=request)
        if len(upload.data) == upload.size:
            self._finish(upload)

    def _finish(self, upload: _Upload) -> None:
        data = bytes(upload.data)
        upload.media = sha256(data).digest()
        found = read_size(data)
        blob = Blob(data, found.mime, found.width, found.height) if found else Blob(data, upload.mime)
        self._host.world.blobs.setdefault(upload.media, blob).owners.add(upload.user)
        upload.mime = blob.mime

    def _download(self, request: httpx.Request, user: str, question: queries.Link) -> httpx.Response:
        try:
            check_link(self._host.world, user, question)
        except Refused:
            return httpx.Response(404)
        data = self._host.world.blobs[question.media].data
        start = int(request.headers.get("range", "bytes=0-")[6:].split("-")[0])
        if start >= len(data):
            return httpx.Response(416)
        part = data[start:]
        headers = {"Content-Length": str(len(part)), "ETag": f'"{question.media.hex()}"'}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        passing = self._host.allow(len(part))
        return httpx.Response(206 if start else 200, headers=headers, stream=_Body(part, passing))


class _Body(httpx.AsyncByteStream):
    """A response's bytes, cut short where the test wants it."""

    def __init__(self, data: bytes, passing: int) -> None:
        self._data = data
        self._passing = passing

    def __aiter__(self) -> "_Body":
        return self

    async def __anext__(self) -> bytes:
        if self._passing:
            part, self._data = self._data[: self._passing], self._data[self._passing :]
            self._passing = 0
            return part
        if self._data:
            raise httpx.ReadError("the connection was cut")
        raise StopAsyncIteration


def _state(upload: _Upload, status: int) -> httpx.Response:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": str(len(upload.data)),
        "Upload-Length": str(upload.size),
    }
    if upload.media:
        found = read_size(bytes(upload.data))
        headers |= {
            "Media-Id": upload.media.hex(),
            "Media-Type": upload.mime,
            "Media-Size": str(upload.size),
            "Media-Width": str(found.width if found else 0),
            "Media-Height": str(found.height if found else 0),
        }
    return httpx.Response(status, headers=headers)
