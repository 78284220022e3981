"""A seeded life of the blob store on a disk: uploads in pieces, refusals, small blobs, restarts."""

import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imserver.media.disk import DiskBlobStore
from imserver.media.testing import meta
from imserver.media.workers import InlineWorkers
from tests.crash.promises import Promises


@dataclass
class Upload:
    """What the test knows of an upload."""

    id: str
    content: bytes
    offset: int = 0
    ended: bool = False


class MediaWork:
    """Calls the blob store; `facts` of each promise say what was asked for, and with which result."""

    def __init__(self, rng: random.Random, promises: Promises, root: Path) -> None:
        self._rng = rng
        self._promises = promises
        self._root = root
        self.uploads: dict[str, Upload] = {}
        self.blobs: DiskBlobStore | None = None

    async def start(self) -> None:
        """Open or make the store."""

        async def opened() -> DiskBlobStore:
            return DiskBlobStore(self._root, workers=InlineWorkers())

        self.blobs = await self._promises.note(opened, lambda: b"", [])

    @property
    def store(self) -> DiskBlobStore:
        assert self.blobs is not None
        return self.blobs

    async def step(self) -> None:
        """One call of some kind."""
        rng = self._rng
        going = [upload for upload in self.uploads.values() if not upload.ended]
        draw = rng.random()
        if not going or draw < 0.15:
            await self._stage()
        elif draw < 0.62:
            await self._append(rng.choice(going))
        elif draw < 0.72:
            await self._do(lambda: self.store.put(data), ("put", data := self._content(3_000)))
        elif draw < 0.78:
            upload = rng.choice(going)
            upload.ended = True
            await self._do(lambda: self.store.refuse(upload.id, "no picture"), ("refuse", upload.id))
        elif draw < 0.84:
            upload = rng.choice(list(self.uploads.values()))
            del self.uploads[upload.id]
            await self._do(lambda: self.store.abandon(upload.id), ("abandon", upload.id))
        elif draw < 0.88:
            data = self._content(100)
            await self._do(lambda: self.store.put(data), ("put", data))
            sha256 = hashlib.sha256(data).digest()
            await self._do(lambda: self.store.delete(sha256), ("delete", sha256))
        elif draw < 0.93:
            await self.start()
        else:
            await self._finish(rng.choice(going))

    async def _do(self, call: Callable[[], Awaitable[Any]], fact: tuple[Any, ...]) -> Any:
        return await self._promises.note(call, lambda: b"", [fact])

    async def _stage(self) -> None:
        upload = Upload(id=f"{self._rng.getrandbits(128):032x}", content=self._content(20_000))
        self.uploads[upload.id] = upload
        declared = meta(len(upload.content))
        await self._do(lambda: self.store.stage(upload.id, declared), ("stage", upload.id, upload.content))

    async def _append(self, upload: Upload) -> None:
        end = min(len(upload.content), upload.offset + self._rng.choice((1, 100, 512, 4096, 9000)))
        data = upload.content[upload.offset : end]
        if data:
            await self._do(
                lambda: self.store.append(upload.id, upload.offset, data), ("append", upload.id, end)
            )
            upload.offset = end

    async def _finish(self, upload: Upload) -> None:
        while upload.offset < len(upload.content):
            await self._append(upload)
        upload.ended = True
        await self._do(lambda: self.store.publish(upload.id), ("publish", upload.id, upload.content))

    def _content(self, size_max: int) -> bytes:
        # Few different ones, so that the same content comes under several uploads.
        size = self._rng.randrange(1, size_max)
        return random.Random(size % 7).randbytes(size)
