"""A media room in memory, and small real content to fill it with: for tests, ours and other rooms'."""

import io
import struct
import wave
from typing import Any, Final

import trio
from PIL import Image

from imserver.media import MediaLimits, MediaService, Signer, UploadTicket
from imserver.media.memory import MemoryBlobStore
from imserver.media.memory_catalog import MemoryCatalog
from imserver.media.store import BlobStore, UploadMeta
from imserver.media.workers import InlineWorkers

KEY: Final = b"k" * 32
NOW_MS: Final = 1_700_000_000_000
UPLOAD_ID: Final = "0123456789abcdef" * 2


class Clock:
    """Wall time that moves when a test says so."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


class MediaRoom:
    """A media service with everything around it in reach; it decodes inline, for simulated clocks."""

    def __init__(
        self, blobs: BlobStore | None = None, *, quota_bytes: int = 10**9, limits: MediaLimits | None = None
    ) -> None:
        self.clock = Clock()
        self.catalog = MemoryCatalog()
        self.blobs: BlobStore = blobs or MemoryBlobStore()
        self.quota_bytes = quota_bytes
        self.limits = limits or MediaLimits()
        self.signer = Signer([KEY], self.clock)
        self.media = self.restarted()

    def restarted(self) -> MediaService:
        """A new service over the same store and catalog, as after a restart of the process."""
        self.media = MediaService(
            blobs=self.blobs,
            catalog=self.catalog,
            signer=self.signer,
            clock_ms=self.clock,
            app_bytes_max=lambda _app: self.quota_bytes,
            limits=self.limits,
            workers=InlineWorkers(),
        )
        return self.media

    def ticket(
        self,
        size_bytes: int,
        *,
        app: int = 1,
        user: str = "alice",
        mime: str = "text/plain",
        name: str = "a.txt",
    ) -> UploadTicket:
        """A right to upload, opened again as the server does."""
        text, _ = self.media.tickets.issue_upload(
            app=app, user=user, size_bytes=size_bytes, mime=mime, name=name
        )
        return self.media.tickets.open_upload(text)


def meta(size_bytes: int, *, app: int = 1, user: str = "alice", mime: str = "text/plain") -> UploadMeta:
    """What an upload declares."""
    return UploadMeta(app=app, user=user, size_bytes=size_bytes, mime=mime, name="a.txt", created_ms=NOW_MS)


class Stream:
    """Chunks as a request body brings them; no generator, as one that is left early is never closed."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        try:
            return next(self._chunks)
        except StopIteration:
            raise StopAsyncIteration from None


def picture(
    kind: str = "JPEG", size: tuple[int, int] = (640, 480), mode: str = "RGB", **options: Any
) -> bytes:
    """A gradient, so that it has content to decode."""
    gradient = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (gradient, gradient.rotate(90), gradient.rotate(180))).convert(mode)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def wav(ms: int) -> bytes:
    """Silence of that length."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * (8 * ms))
    return out.getvalue()


def mp4(ms: int, brand: bytes = b"isom") -> bytes:
    """The skeleton of an MP4: a brand, some data, a movie header with its length."""
    movie_header = struct.pack(">4xIIII80x", 0, 0, 1000, ms)
    movie = box(b"moov", box(b"mvhd", movie_header))
    return box(b"ftyp", brand + b"\0\0\2\0isommp42") + box(b"mdat", bytes(5000)) + movie


def box(kind: bytes, body: bytes) -> bytes:
    """One MP4 box."""
    return struct.pack(">I4s", 8 + len(body), kind) + body
