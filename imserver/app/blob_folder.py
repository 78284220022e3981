"""The blobs of a data directory from outside a running server: what never changes once it is there."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from imserver.app.backends import MEDIA_FOLDER_NAME
from imserver.storage.folder import sync_folder

#: `DiskBlobStore` keeps them as blobs/ab/cdef…; a test holds this to it.
_BLOBS: Final = f"{MEDIA_FOLDER_NAME}/blobs"
_READ_BYTES: Final = 1024 * 1024


def blob_fault(data_dir: Path, sha256: bytes, size_bytes: int) -> str | None:
    """What is wrong with the stored bytes of a blob; None: nothing."""
    name = sha256.hex()
    path = data_dir / _BLOBS / name[:2] / name[2:]
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").digest()
            size = file.tell()
    except FileNotFoundError:
        return "the file is missing"
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    if size != size_bytes:
        return f"the file has {size} bytes instead of {size_bytes}"
    return None if found == sha256 else "the file has other content"


def copy_blobs(source: Path, target: Path) -> tuple[int, int, list[str]]:
    """Copy all blobs from one data directory into another, durably.

    Returns how many, their bytes, and the names of those whose content is not what the name says (copied as
    they are).
    """
    count = size_bytes = 0
    damaged = []
    (target / _BLOBS).mkdir(parents=True, mode=0o700)
    for path in _blobs(source):
        copy = target / _BLOBS / path.parent.name / path.name
        copy.parent.mkdir(mode=0o700, exist_ok=True)
        with path.open("rb") as file, copy.open("xb") as out:
            shutil.copyfileobj(file, out, _READ_BYTES)
            out.flush()
            os.fsync(out.fileno())
            size_bytes += out.tell()
        # Of the copy, so that a fault of either disk is seen.
        with copy.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != path.parent.name + path.name:
                damaged.append(f"{path.parent.name}/{path.name}")
        count += 1
    for folder in sorted((target / _BLOBS).iterdir()):
        sync_folder(folder)
    sync_folder(target / _BLOBS)
    sync_folder(target / MEDIA_FOLDER_NAME)
    return count, size_bytes, damaged


def _blobs(data_dir: Path) -> Iterator[Path]:
    root = data_dir / _BLOBS
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        yield from sorted(folder.iterdir())
