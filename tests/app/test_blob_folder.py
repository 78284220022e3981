import hashlib
from pathlib import Path

import pytest
import trio

from imserver.app.backends import MEDIA_FOLDER_NAME
from imserver.app.blob_folder import blob_fault, copy_blobs
from imserver.media.disk import DiskBlobStore

DATA = b"a blob"
SHA256 = hashlib.sha256(DATA).digest()


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A data directory with one blob, put there by the real store."""
    folder = tmp_path / "data"
    folder.mkdir()
    await DiskBlobStore(folder / MEDIA_FOLDER_NAME).put(DATA)
    return folder


def stored(folder: Path) -> Path:
    (path,) = [path for path in (folder / MEDIA_FOLDER_NAME / "blobs").rglob("*") if path.is_file()]
    return path


async def test_a_blob_of_the_real_store_is_found_sound(folder: Path) -> None:
    assert blob_fault(folder, SHA256, len(DATA)) is None


async def test_every_kind_of_damage_is_named(folder: Path) -> None:
    assert blob_fault(folder, b"\x01" * 32, 1) == "the file is missing"
    assert blob_fault(folder, SHA256, 7) == "the file has 6 bytes instead of 7"
    stored(folder).write_bytes(b"A blob")
    assert blob_fault(folder, SHA256, 6) == "the file has other content"


async def test_a_copy_is_a_store_with_the_same_blobs(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    assert copy_blobs(folder, tmp_path / "copy") == (1, len(DATA), [])
    assert await DiskBlobStore(tmp_path / "copy" / MEDIA_FOLDER_NAME).read(SHA256, 0, 99) == DATA


async def test_damage_is_copied_and_told(folder: Path, tmp_path: Path) -> None:
    stored(folder).write_bytes(b"A blob")
    (tmp_path / "copy").mkdir()
    _, _, damaged = copy_blobs(folder, tmp_path / "copy")
    assert damaged == [f"{SHA256.hex()[:2]}/{SHA256.hex()[2:]}"]


async def test_no_media_at_all_is_nothing_to_copy(tmp_path: Path) -> None:
    await trio.lowlevel.checkpoint()
    (tmp_path / "copy").mkdir()
    assert copy_blobs(tmp_path / "nothing", tmp_path / "copy") == (0, 0, [])
