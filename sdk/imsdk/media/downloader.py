"""Downloads into the cache: resumed by range, believed only after the hash, named by it."""

import os
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from improtocol import Code, Media
from imsdk.errors import TransferInterrupted, TransferRefused
from imsdk.media.keeping import storage_errors, sync_folder
from imsdk.media.web import Answer, Web, error_of
from imsdk.media.work import Worker, hash_file
from imsdk.media_interface import LinkProvider, Report

#: As it is: a body that is decoded on the way could grow beyond what was announced.
_HEADERS: Final = {"Accept-Encoding": "identity"}


class Download:
    """One attempt at one download; see `imsdk.media_interface.Transfers.download`.

    The bytes grow in `<hex>.part`, which the next attempt goes on with, and become `<hex>` by a rename after
    their hash was found right: a file of that name is always whole.
    """

    def __init__(
        self, web: Web, worker: Worker, media: Media, folder: Path, report: Report, *, exact: bool
    ) -> None:
        self._web = web
        self._worker = worker
        self._media = media
        self._report = report
        self._exact = exact
        self._path = folder / media.id.hex()
        self._part = folder / f"{media.id.hex()}.part"

    async def run(self, link: LinkProvider) -> Path:
        """The path of the whole, right file. Raises as the interface says."""
        size = await self._worker.run(_size, self._path)
        if size == self._media.size or (size > 0 and not self._exact):
            self._report(size, size)
            return self._path
        with storage_errors():
            have = await self._worker.run(self._prepare)
            if have < self._media.size or not self._exact:
                url = (await link()).url
                headers = _HEADERS | ({"Range": f"bytes={have}-"} if have else {})
                async with self._web.request("GET", url, headers) as answer:
                    await self._take(answer, await self._begin(answer, have))
            await self._worker.run(self._finish)
        return self._path

    def _prepare(self) -> int:
        """How many bytes earlier attempts left."""
        self._part.parent.mkdir(parents=True, exist_ok=True)
        have = _size(self._part)
        # Of unknown size are only small things, which are not worth the care.
        if have > self._media.size or not self._exact:
            self._part.unlink(missing_ok=True)
            return 0
        return max(0, have)

    async def _begin(self, answer: Answer, have: int) -> int:
        """Where the answer's body begins; refuses one of the wrong length before it is read."""
        if answer.status == 206:
            wanted = f"bytes {have}-{self._media.size - 1}/{self._media.size}"
            if answer.headers.get("Content-Range") != wanted:
                await self._discard("the server sends another range than was asked for")
        elif answer.status == 200:
            have = 0
        elif answer.status == 416:
            await self._worker.run(self._part.unlink, missing_ok=True)
            raise TransferInterrupted("the server has less than was fetched before; beginning anew")
        else:
            raise await error_of(answer)
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            await self._discard("the server sends the bytes in a form that was not asked for")
        length = answer.headers.get("Content-Length")
        if length is not None and not self._fits(length, self._media.size - have):
            await self._discard(f"the server sends {length!r:.20} bytes instead of {self._media.size - have}")
        return have

    async def _take(self, answer: Answer, have: int) -> None:
        """Write the body behind the first `have` bytes, no further than the announced size."""
        file = await self._worker.run(_open, self._part, have)
        try:
            # Also looks behind the last byte: a server that goes on is not sending this blob.
            while data := await answer.read_some():
                have += len(data)
                if have > self._media.size:
                    await self._discard("the server sends more bytes than the media has")
                await self._worker.run(file.write, data)
                self._report(have, self._media.size)
        finally:
            file.close()
        if self._exact and have < self._media.size:
            raise TransferInterrupted("the server ended before the last byte")

    def _fits(self, length: str, wanted: int) -> bool:
        if self._exact:
            return length == str(wanted)
        return length.isascii() and length.isdigit() and len(length) < 16 and 0 < int(length) <= wanted

    async def _discard(self, reason: str) -> NoReturn:
        await self._worker.run(self._part.unlink, missing_ok=True)
        raise TransferRefused(reason, Code.INVALID)

    def _finish(self) -> None:
        if hash_file(self._part) != self._media.id:
            self._part.unlink()
            raise TransferRefused("the bytes that came are others than the message shows", Code.INVALID)
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
        self._part.replace(self._path)
        sync_folder(self._path.parent)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _open(path: Path, have: int) -> BinaryIO:
    """The part file, cut to `have` bytes and open for more."""
    file = path.open("r+b" if have else "wb")
    file.seek(have)
    return file
