"""A blob store on a local file system.

```
<root>/blobs/ab/cdef…    content by its SHA-256 in hex; never changes once it is there
<root>/uploads/<id>/     see `imserver.media.upload_folder`
<root>/temporary/        files and folders on their way in or out; emptied at start
```
A blob is fsynced before it gets its name and the folder is fsynced after, so it appears whole or not at all.
"""

import hashlib
import logging
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from imserver.media.durable_files import Damaged, DurableFiles, digest, os_errors
from imserver.media.errors import BlobNotFound, UploadNotFound
from imserver.media.limits import SHA256_BYTES
from imserver.media.store import Staged, UploadMeta
from imserver.media.upload_folder import UploadFolder
from imserver.media.workers import ThreadWorkers, Workers

T = TypeVar("T")
#: An upload id is a file name here, so it must not be anything else.
_UPLOAD_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_IO_THREADS_MAX: Final = 8
_LOG: Final = logging.getLogger("imserver.media.disk")


class DiskBlobStore:
    """Keeps the promises of `BlobStore` through SIGKILLs and, if fsync is honest, power cuts."""

    def __init__(
        self, root: Path, *, workers: Workers | None = None, files: DurableFiles | None = None
    ) -> None:
        """Open or make the store under `root`, whose parent exists. Blocks for a few fsyncs.

        The caller holds the lock on the data directory: two processes on one root would empty each other's
            `temporary`.
        """
        self._files = files or DurableFiles()
        self._workers = workers or ThreadWorkers(_IO_THREADS_MAX)
        self._blobs, self._uploads, self._temporary = root / "blobs", root / "uploads", root / "temporary"
        with os_errors():
            self._files.make_folder(root)
            if self._temporary.exists():
                shutil.rmtree(self._temporary)
            for folder in (self._blobs, self._uploads, self._temporary):
                self._files.make_folder(folder)

    async def stage(self, upload_id: str, meta: UploadMeta) -> Staged:
        return await self._at(upload_id, lambda upload: self._stage(upload, meta))

    async def staged(self, upload_id: str) -> Staged:
        return await self._at(upload_id, UploadFolder.read)

    async def append(self, upload_id: str, offset_bytes: int, data: bytes) -> int:
        return await self._at(upload_id, lambda upload: upload.append(offset_bytes, data))

    async def publish(self, upload_id: str) -> bytes:
        return await self._at(upload_id, self._publish)

    async def refuse(self, upload_id: str, reason: str) -> None:
        await self._at(upload_id, lambda upload: upload.refuse(reason))

    async def abandon(self, upload_id: str) -> None:
        await self._at(upload_id, lambda upload: upload.remove(self._new_temporary()))

    async def uploads(self) -> list[Staged]:
        return await self._run(self._all_uploads)

    async def put(self, data: bytes) -> bytes:
        return await self._run(lambda: self._put(data))

    async def size(self, sha256: bytes) -> int:
        return await self._run(lambda: self._found(sha256, lambda path: path.stat().st_size))

    async def read(self, sha256: bytes, start: int, length: int) -> bytes:
        # Opens the file anew each time: a slow reader then holds no file descriptor between its reads.
        def read(path: Path) -> bytes:
            with path.open("rb") as file:
                file.seek(start)
                return file.read(length)

        return await self._run(lambda: self._found(sha256, read))

    async def delete(self, sha256: bytes) -> None:
        await self._run(lambda: self._delete(sha256))

    async def verify(self, sha256: bytes) -> bool:

        def found() -> bytes:
            with self.open_blob(sha256) as file:
                return digest(file)

        return await self._run(found) == sha256

    def open_staged(self, upload_id: str) -> BinaryIO:
        with os_errors():
            return self._upload(upload_id).open()

    def open_blob(self, sha256: bytes) -> BinaryIO:
        with os_errors():
            return self._found(sha256, lambda path: path.open("rb"))

    # Blocking halves -------------------------------------------------------------------------------------

    async def _run(self, work: Callable[[], T]) -> T:
        def mapped() -> T:
            with os_errors():
                return work()

        return await self._workers.run(mapped)

    async def _at(self, upload_id: str, work: Callable[[UploadFolder], T]) -> T:
        upload = self._upload(upload_id)
        return await self._run(lambda: self._sound(upload, work))

    def _sound(self, upload: UploadFolder, work: Callable[[UploadFolder], T]) -> T:
        """Do the work. A damaged upload is dropped: its sender hears that there is none, and begins anew."""
        try:
            return work(upload)
        except Damaged as damage:
            _LOG.warning("the upload %s is damaged and dropped: %s", upload.id, damage)
            upload.remove(self._new_temporary())
            raise UploadNotFound(upload.id) from damage

    def _upload(self, upload_id: str) -> UploadFolder:
        if not _UPLOAD_ID.fullmatch(upload_id):
            raise UploadNotFound("not an upload id")
        return UploadFolder(self._uploads / upload_id, self._files)

    def _stage(self, upload: UploadFolder, meta: UploadMeta) -> Staged:
        try:
            return upload.read()
        except UploadNotFound:
            upload.make(meta, self._new_temporary())
            return upload.read()

    def _all_uploads(self) -> list[Staged]:
        found = []
        for folder in sorted(self._uploads.iterdir()):
            with suppress(UploadNotFound):  # abandoned since the folder was listed, or no folder of ours
                found.append(self._sound(self._upload(folder.name), UploadFolder.read))
        return found

    def _publish(self, upload: UploadFolder) -> bytes:
        sha256 = upload.seal()
        # Killed between here and the rename, the repeat finds the seal and the data and goes on. If another
        # upload made the same blob meanwhile, replacing it by equal bytes harms no reader and even heals a
        # rotten one.
        if upload.data.exists():
            self._place(upload.data, sha256)
        else:  # it was killed behind the rename, perhaps before that was durable
            with self._files.names_synced(self._path(sha256).parent):
                pass
        return sha256

    def _put(self, data: bytes) -> bytes:
        sha256 = hashlib.sha256(data).digest()
        temporary = self._new_temporary()
        try:
            self._files.write_whole(temporary, data)
            self._place(temporary, sha256)
        finally:
            temporary.unlink(missing_ok=True)
        return sha256

    def _place(self, source: Path, sha256: bytes) -> None:
        path = self._path(sha256)
        self._files.make_folder(path.parent)
        self._files.replace(source, path)

    def _delete(self, sha256: bytes) -> None:
        path = self._path(sha256)
        if path.parent.exists():  # also where it is gone: who removed it may have been killed before the sync
            with self._files.names_synced(path.parent):
                path.unlink(missing_ok=True)

    def _path(self, sha256: bytes) -> Path:
        if len(sha256) != SHA256_BYTES:
            raise BlobNotFound("not a SHA-256")
        name = sha256.hex()
        return self._blobs / name[:2] / name[2:]

    def _found(self, sha256: bytes, use: Callable[[Path], T]) -> T:
        try:
            return use(self._path(sha256))
        except FileNotFoundError:
            raise BlobNotFound(sha256.hex()) from None

    def _new_temporary(self) -> Path:
        return self._temporary / secrets.token_hex(8)
