"""Writing files so that they survive: the few blocking calls everything on disk is made of.

Rules kept here: a file is fsynced before its name is published, the folder after; an error of fsync is never
retried, because the kernel may have dropped the pages and the next fsync would succeed without them
(PostgreSQL's "fsyncgate", 2018).
"""

import errno
import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from imserver.media.errors import MediaBroken, MediaBusy, OutOfSpace

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
#: The system lacks something that will be there again; it says nothing about the disk.
_NOT_NOW: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
#: Two slots a sector apart, so that a torn write harms one of them only.
_SLOT_STRIDE_BYTES: Final = 512
_DIGEST_READ_BYTES: Final = 1024 * 1024
_SLOT: Final = struct.Struct("<QI")


@contextmanager
def os_errors() -> Iterator[None]:
    """Map what the operating system reports.

    Raises:
        OutOfSpace: the disk is full.
        MediaBusy: no file can be opened, or memory is short.
        MediaBroken: all else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise OutOfSpace(error.strerror or "no space left") from error
        if error.errno in _NOT_NOW:
            raise MediaBusy(error.strerror or "out of files or memory") from error
        raise MediaBroken(f"{error.strerror} ({errno.errorcode.get(error.errno or 0, '?')})") from error


class Damaged(Exception):
    """A file of ours holds what we never write: rot, or a hand."""


class DurableFiles:
    """The system calls that can fail on a bad day; a subclass in a test makes them fail."""

    def write_at(self, fd: int, data: bytes, offset_bytes: int) -> None:
        """Write all of `data` at the offset."""
        view = memoryview(data)
        while view:
            done = os.pwrite(fd, view, offset_bytes)
            view, offset_bytes = view[done:], offset_bytes + done

    def fsync(self, fd: int) -> None:
        """Make the file durable, or raise `MediaBroken`: even a full disk is fatal when told this late."""
        try:
            os.fsync(fd)
        except OSError as error:
            raise MediaBroken(f"fsync failed: {error.strerror}") from error

    @contextmanager
    def names_synced(self, folder: Path) -> Iterator[None]:
        """Make durable what the block does to the names in the folder.

        The folder is opened before the block: out of descriptors, nothing happens that a repeat would find
        done and take for durable.
        """
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield
            self.fsync(fd)
        finally:
            os.close(fd)

    def write_whole(self, path: Path, data: bytes) -> None:
        """A new or truncated file with these bytes, fsynced; its name in the folder is not yet."""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self.write_at(fd, data, 0)
            self.fsync(fd)
        finally:
            os.close(fd)

    def replace(self, temporary: Path, path: Path) -> None:
        """Publish a fsynced file under its name, durably; an older file of that name is replaced at once."""
        with self.names_synced(path.parent):
            temporary.replace(path)

    def make_folder(self, folder: Path) -> None:
        """Make one folder durably; not an error if it is there.

        The parent is fsynced in any case: whoever made the folder may have been killed, or be on its way,
            before its fsync.
        """
        with self.names_synced(folder.parent):
            folder.mkdir(mode=0o700, exist_ok=True)

    # The durable offset of a growing file ----------------------------------------------------------------

    def new_offset(self, path: Path) -> None:
        """A durable offset of 0. Both slots have their place on disk, so that moving on needs no room."""
        self.write_whole(path, _packed(0).ljust(2 * _SLOT_STRIDE_BYTES, b"\0"))

    def read_offset(self, path: Path) -> int:
        """The durable offset; fsyncs first, because a killed process may have left the slot unsynced.

        Raises:
            Damaged: there is none.
        """
        fd = os.open(path, os.O_RDWR)
        try:
            self.fsync(fd)
            offset_bytes, _ = _best_slot(fd)
            return offset_bytes
        finally:
            os.close(fd)

    def move_offset(self, path: Path, offset_bytes: int) -> None:
        """Let the durable offset be this one, its data being fsynced; a torn write leaves the old offset."""
        fd = os.open(path, os.O_RDWR)
        try:
            _, slot = _best_slot(fd)
            self.write_at(fd, _packed(offset_bytes), (1 - slot) * _SLOT_STRIDE_BYTES)
            self.fsync(fd)
        finally:
            os.close(fd)


def digest(file: BinaryIO) -> bytes:
    """The SHA-256 of the rest of the file, in bounded memory."""
    sha256 = hashlib.sha256()
    while chunk := file.read(_DIGEST_READ_BYTES):
        sha256.update(chunk)
    return sha256.digest()


def _packed(offset_bytes: int) -> bytes:
    # Seeded with 1, so that a slot of zeros is no valid offset of zero.
    return _SLOT.pack(offset_bytes, zlib.crc32(offset_bytes.to_bytes(8, "little"), 1))


def _best_slot(fd: int) -> tuple[int, int]:
    """The highest valid offset and the number of its slot."""
    found = []
    for slot in (0, 1):
        raw = os.pread(fd, _SLOT.size, slot * _SLOT_STRIDE_BYTES)
        if len(raw) == _SLOT.size:
            offset_bytes = _SLOT.unpack(raw)[0]
            if raw == _packed(offset_bytes):
                found.append((offset_bytes, slot))
    if not found:
        raise Damaged("the offset file has no valid slot")
    return max(found)
