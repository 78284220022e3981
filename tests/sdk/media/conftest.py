"""A small HTTP server on 127.0.0.1 that keeps uploads and serves blobs, and cuts or lies on demand."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

import h11
import pytest
import trio

from improtocol import Media
from improtocol.queries import MediaLink, UploadSlot
from imsdk.media.transfers import HttpTransfers
from imsdk.media_interface import Fact, KeptDraft

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Site:
    """The server: tickets, uploads by ticket, blobs by name, a log of requests, and its faults."""

    base: str = ""
    tickets: set[str] = field(default_factory=set)
    uploads: dict[str, tuple[int, bytearray]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    received: int = 0  #: bytes of upload bodies, in all
    #: Cut the connection once this many more bytes of a body were received, or sent.
    cut_received: list[int] = field(default_factory=list)
    cut_sent: list[int] = field(default_factory=list)
    #: Finish the upload, then cut instead of answering.
    lose_answers: int = 0
    #: Takes a request before the site does; None leaves it to the site.
    override: Callable[[str, str, dict[str, str]], Answer | None] | None = None
    flood: bytes = b""  #: send this as the body again and again, until the other side has enough
    store_as: Callable[[bytes], bytes] = bytes
    takes_body_at_creation: bool = True

    async def serve(self, stream: trio.SocketStream) -> None:
        try:
            async with stream:
                connection = h11.Connection(h11.SERVER)
                while await self._request(stream, connection):
                    connection.start_next_cycle()
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError):
            pass

    async def _next(self, stream: trio.SocketStream, connection: h11.Connection) -> object:
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some())
        return event

    async def _request(self, stream: trio.SocketStream, connection: h11.Connection) -> bool:
        request = await self._next(stream, connection)
        if not isinstance(request, h11.Request):
            return False
        headers = {name.decode(): value.decode() for name, value in request.headers}
        method, path = request.method.decode(), request.target.decode()
        self.requests.append(f"{method} {path}")
        upload = self._upload(method, path, headers)
        while isinstance(event := await self._next(stream, connection), h11.Data):
            data = bytes(event.data)
            if self.cut_received:
                passing = min(len(data), self.cut_received[0])
                self.cut_received[0] -= passing
                data, cut = data[:passing], passing < len(data)
            else:
                cut = False
            self.received += len(data)
            if upload is not None:
                upload += data
            if cut:
                self.cut_received.pop(0)
                return False
        status, answered, body = self._answer(method, path, headers)
        if self.lose_answers and "Media-Id" in answered:
            self.lose_answers -= 1
            return False
        return await self._send(stream, connection, method, status, answered, body)

    async def _send(self, stream, connection, method, status, headers, body) -> bool:  # type: ignore[no-untyped-def]
        framing = {"Transfer-Encoding": "chunked"} if self.flood else {"Content-Length": str(len(body))}
        if method != "HEAD":
            headers = framing | headers
        await stream.send_all(
            connection.send(h11.Response(status_code=status, headers=list(headers.items())))
        )
        while self.flood:
            await stream.send_all(connection.send(h11.Data(data=self.flood)))
        if method != "HEAD" and body:
            if self.cut_sent:
                await stream.send_all(connection.send(h11.Data(data=body))[: self.cut_sent.pop(0)])
                return False
            await stream.send_all(connection.send(h11.Data(data=body)))
        await stream.send_all(connection.send(h11.EndOfMessage()))
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE

    def _upload(self, method: str, path: str, headers: dict[str, str]) -> bytearray | None:
        """Where the body goes, if the request is in order."""
        ticket = headers.get("authorization", "")[7:]
        if method == "POST" and ticket in self.tickets:
            upload = self.uploads.setdefault(ticket, (int(headers["upload-length"]), bytearray()))
            return upload[1] if not upload[1] and self.takes_body_at_creation else None
        if method == "PATCH" and path[9:] == ticket in self.uploads:
            data = self.uploads[ticket][1]
            return data if int(headers["upload-offset"]) == len(data) else None
        return None

    def _answer(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        if self.override is not None and (answer := self.override(method, path, headers)) is not None:
            return answer
        ticket = headers.get("authorization", "")[7:]
        if path.startswith("/media/"):
            return self._blob(path[7:], headers)
        if method == "POST" and ticket not in self.tickets:
            return 401, {}, b""
        if ticket not in self.uploads or (method != "POST" and path[9:] != ticket):
            return 404, {}, b""
        size, data = self.uploads[ticket]
        if method == "PATCH" and int(headers["upload-offset"]) > len(data):
            return 409, {}, b""
        answered = {"Upload-Offset": str(len(data)), "Location": f"/uploads/{ticket}"}
        if len(data) == size:
            stored = self.store_as(bytes(data))
            answered |= {
                "Media-Id": sha256(stored).hexdigest(),
                "Media-Type": "image/png",
                "Media-Size": str(len(stored)),
                "Media-Width": "4",
                "Media-Height": "3",
                "Media-Thumbnail": "ab" * 32,
            }
        return {"POST": 201, "HEAD": 200}.get(method, 204), answered, b""

    def _blob(self, name: str, headers: dict[str, str]) -> Answer:
        if name not in self.blobs:
            return 404, {}, b'{"code": "not_found", "message": "no such media"}'
        data = self.blobs[name]
        start = int(headers.get("range", "bytes=0-")[6:-1])
        if not start:
            return 200, {}, data
        if start >= len(data):
            return 416, {}, b""
        return 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, data[start:]

    # What the SDK's client would ask the chat server -------------------------------------------------

    async def slots(self, size: int, mime: str, name: str) -> UploadSlot:
        ticket = f"t{len(self.tickets) + 1}"
        self.tickets.add(ticket)
        return UploadSlot(url=f"{self.base}/uploads", ticket=ticket, expires_ms=2**40)

    def link(self, name: str) -> Callable[[], object]:
        async def provide() -> MediaLink:
            return MediaLink(url=f"{self.base}/media/{name}", expires_ms=2**40)

        return provide

    def blob(self, data: bytes, name: str = "blob") -> Media:
        self.blobs[name] = data
        return Media(id=sha256(data).digest(), size=len(data), mime="image/png")


class Progress:
    """The outbox row's progress, kept in memory; JSON-able by type."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}
        self.saves = 0

    async def load(self) -> dict[str, Fact]:
        return dict(self.facts)

    async def save(self, progress: dict[str, Fact]) -> None:
        assert all(isinstance(value, str | int | float | bool | None) for value in progress.values())
        self.facts = dict(progress)
        self.saves += 1


@dataclass
class Reports:
    """What a transfer reported."""

    seen: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, done: int, total: int) -> None:
        self.seen.append((done, total))


@pytest.fixture
async def site(nursery: trio.Nursery) -> Site:
    site = Site()
    listeners = await nursery.start(partial(trio.serve_tcp, site.serve, 0, host="127.0.0.1"))
    port = listeners[0].socket.getsockname()[1]
    site.base = f"http://127.0.0.1:{port}"
    return site


@pytest.fixture
async def transfers() -> AsyncIterator[HttpTransfers]:
    transfers = HttpTransfers()
    yield transfers
    await transfers.aclose()


@pytest.fixture
def progress() -> Progress:
    return Progress()


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[bytes], tuple[Path, KeptDraft]]:
    def make(data: bytes) -> tuple[Path, KeptDraft]:
        path = tmp_path / "kept"
        path.write_bytes(data)
        return path, KeptDraft(type=2, file="kept", size=len(data), mime="image/png", name="a.png")

    return make
