"""Transfers over HTTP: the SDK's own implementation of `imsdk.media_interface.Transfers`."""

import ssl
from pathlib import Path

import httpx
import trio

from improtocol import Media
from imsdk.media.downloader import Download
from imsdk.media.uploader import Upload
from imsdk.media.web import Web
from imsdk.media.work import Worker
from imsdk.media_interface import KeptDraft, LinkProvider, ProgressStore, Report, SlotProvider, Uploaded


class HttpTransfers:
    """Moves blobs over HTTP: tus 1.0 up, ranges down, every byte checked by SHA-256.

    Several transfers may run at once; two downloads of one blob share the work. Cancelling is always safe:
    the next attempt goes on where this one was.

    Args:
        ssl_context: trust for https, instead of the system's.
        source_address: local address to connect from.
        transport: another way for httpx to reach servers (a fake in tests).
        inline: do file work at once instead of in a thread, for tests under a virtual clock.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None = None,
        source_address: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        inline: bool = False,
    ) -> None:
        self._web = Web(ssl_context=ssl_context, source_address=source_address, transport=transport)
        self._worker = Worker(inline=inline)
        self._downloading: dict[Path, tuple[trio.Lock, int]] = {}

    async def upload(
        self, path: Path, kept: KeptDraft, *, slots: SlotProvider, progress: ProgressStore, report: Report
    ) -> Uploaded:
        return await Upload(self._web, self._worker, path, kept, progress, report).run(slots)

    async def download(
        self, media: Media, folder: Path, *, link: LinkProvider, report: Report, exact: bool = True
    ) -> Path:
        key = folder / media.id.hex()
        lock, users = self._downloading.get(key, (trio.Lock(), 0))
        self._downloading[key] = (lock, users + 1)
        try:
            async with lock:
                download = Download(self._web, self._worker, media, folder, report, exact=exact)
                return await download.run(link)
        finally:
            lock, users = self._downloading[key]
            self._downloading[key] = (lock, users - 1)
            if users == 1:
                del self._downloading[key]

    async def aclose(self) -> None:
        await self._web.aclose()
