"""One staged upload on disk: a folder with its bytes, its durable offset and its meta. All methods block.

```
uploads/<id>/meta.json   what was declared; later also how it ended
uploads/<id>/offset      how many bytes of data are durable (two checksummed slots)
uploads/<id>/data        the bytes; what lies beyond the offset is not trusted and gets overwritten
```
"""

import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO, Final

from imserver.media.durable_files import Damaged, DurableFiles, digest
from imserver.media.errors import MediaBroken, OffsetConflict, TooLarge, UploadNotFound
from imserver.media.store import Staged, UploadMeta

_VERSION: Final = 1


class UploadFolder:
    """The files of one upload. The folder is made under another name and renamed: it exists whole or not."""

    def __init__(self, folder: Path, files: DurableFiles) -> None:
        self.id = folder.name
        self._folder = folder
        self._files = files
        self.data = folder / "data"

    def make(self, meta: UploadMeta, temporary: Path) -> None:
        """Make the folder durably."""
        temporary.mkdir(mode=0o700)
        try:
            with self._files.names_synced(temporary):
                first = Staged(id="", meta=meta, offset_bytes=0)
                self._files.write_whole(temporary / "meta.json", _encoded(first))
                self._files.new_offset(temporary / "offset")
                self._files.write_whole(temporary / "data", b"")
            with self._files.names_synced(self._folder.parent):
                self._rename(temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)  # nothing, if all went well

    def _rename(self, temporary: Path) -> None:
        try:
            temporary.rename(self._folder)
        except OSError:
            if not self._folder.is_dir():  # else another request made the same one, and that is fine
                raise

    def read(self) -> Staged:
        """The upload as it is, its offset durable.

        Raises:
            Damaged: its files make no sense. Nothing can be said of it any more.
        """
        try:
            raw = json.loads((self._folder / "meta.json").read_bytes())
            if raw["version"] != _VERSION:
                raise MediaBroken(
                    f"upload {self.id} has version {raw['version']}, this program knows {_VERSION}"
                )
            meta = UploadMeta(**raw["meta"])
            sha256 = bytes.fromhex(raw["sha256"]) if raw["sha256"] else None
            staged = Staged(
                id=self.id,
                meta=meta,
                offset_bytes=meta.size_bytes,
                sha256=sha256,
                refusal=raw["refusal"],
            )
            return (
                staged
                if staged.ended
                else replace(staged, offset_bytes=self._files.read_offset(self._folder / "offset"))
            )
        except (FileNotFoundError, NotADirectoryError):
            if self._folder.is_dir():
                raise Damaged("a file is missing") from None
            raise UploadNotFound(self.id) from None
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged("its meta cannot be read") from error

    def append(self, offset_bytes: int, data: bytes) -> int:
        """Write at the durable offset, make it durable, then move the offset."""
        staged = self.read()
        end = offset_bytes + len(data)
        if staged.ended or offset_bytes != staged.offset_bytes:
            raise OffsetConflict(staged.offset_bytes)
        if end > staged.meta.size_bytes:
            raise TooLarge(f"the upload was declared to have {staged.meta.size_bytes} bytes")
        fd = self._open_data(os.O_WRONLY)
        try:
            self._files.write_at(fd, data, offset_bytes)
            self._files.fsync(fd)
        finally:
            os.close(fd)
        self._files.move_offset(self._folder / "offset", end)
        return end

    def seal(self) -> bytes:
        """Record the content address durably, before the data becomes a blob; a repeat returns the same."""
        staged = self.read()
        if staged.sha256 is not None:
            return staged.sha256
        if staged.ended or staged.offset_bytes != staged.meta.size_bytes:
            raise OffsetConflict(staged.offset_bytes)
        # Unsynced bytes of an append that a full disk or a kill cut short may lie behind the end.
        fd = self._open_data(os.O_WRONLY)
        try:
            os.ftruncate(fd, staged.meta.size_bytes)
        finally:
            os.close(fd)
        with self.open() as file:
            sha256 = digest(file)
        self._write_meta(replace(staged, sha256=sha256))
        return sha256

    def refuse(self, reason: str) -> None:
        """Record the refusal, then drop the bytes."""
        self._write_meta(replace(self.read(), refusal=reason))
        self.data.unlink(missing_ok=True)

    def remove(self, trash: Path) -> None:
        """Make it disappear at once and durably, then free its room."""
        with self._files.names_synced(self._folder.parent):
            try:
                self._folder.rename(trash)
            except FileNotFoundError:
                return
        shutil.rmtree(
            trash, ignore_errors=True
        )  # it is gone; what cannot be deleted now goes at the next start

    def open(self) -> BinaryIO:
        """The bytes, for reading."""
        return os.fdopen(self._open_data(os.O_RDONLY), "rb")

    def _open_data(self, flags: int) -> int:
        # Somebody tidied up by hand: that costs this upload, not the server.
        try:
            return os.open(self.data, flags)
        except (FileNotFoundError, NotADirectoryError):
            raise UploadNotFound(self.id) from None

    def _write_meta(self, staged: Staged) -> None:
        temporary = self._folder / "meta.json.new"
        self._files.write_whole(temporary, _encoded(staged))
        self._files.replace(temporary, self._folder / "meta.json")


def _encoded(staged: Staged) -> bytes:
    sha256 = staged.sha256.hex() if staged.sha256 else None
    record = {"version": _VERSION, "meta": asdict(staged.meta), "sha256": sha256, "refusal": staged.refusal}
    return json.dumps(record, ensure_ascii=False, indent=1).encode()
