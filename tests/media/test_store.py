"""The contract of `BlobStore`: what every implementation promises, run against each of them."""

import hashlib
from pathlib import Path

import pytest

from imserver.media import BlobNotFound, BlobStore, OffsetConflict, TooLarge, UploadNotFound
from imserver.media.disk import DiskBlobStore
from imserver.media.memory import MemoryBlobStore
from imserver.media.testing import UPLOAD_ID, meta

DATA = b"shoes in size 42"
SHA = hashlib.sha256(DATA).digest()


@pytest.fixture(params=["memory", "disk"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return MemoryBlobStore() if request.param == "memory" else DiskBlobStore(tmp_path / "media")


async def test_an_upload_grows_by_appends_and_becomes_a_blob(blobs: BlobStore) -> None:
    staged = await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    assert (staged.offset_bytes, staged.ended) == (0, False)
    assert await blobs.append(UPLOAD_ID, 0, DATA[:5]) == 5
    assert (await blobs.staged(UPLOAD_ID)).offset_bytes == 5
    assert await blobs.append(UPLOAD_ID, 5, DATA[5:]) == len(DATA)
    assert await blobs.publish(UPLOAD_ID) == SHA
    assert await blobs.size(SHA) == len(DATA)
    assert await blobs.read(SHA, 9, 4) == DATA[9:13]
    assert await blobs.read(SHA, 9, 400) == DATA[9:]
    assert await blobs.verify(SHA)


async def test_append_elsewhere_than_at_the_durable_offset_is_refused_with_the_right_offset(
    blobs: BlobStore,
) -> None:
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    await blobs.append(UPLOAD_ID, 0, DATA[:5])
    for wrong in (0, 4, 6):
        with pytest.raises(OffsetConflict) as conflict:
            await blobs.append(UPLOAD_ID, wrong, b"x")
        assert conflict.value.offset_bytes == 5
    assert (await blobs.staged(UPLOAD_ID)).offset_bytes == 5


async def test_an_upload_never_grows_beyond_its_declared_size(blobs: BlobStore) -> None:
    await blobs.stage(UPLOAD_ID, meta(3))
    with pytest.raises(TooLarge):
        await blobs.append(UPLOAD_ID, 0, b"four")
    assert (await blobs.staged(UPLOAD_ID)).offset_bytes == 0


async def test_staging_twice_keeps_what_is_there(blobs: BlobStore) -> None:
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    await blobs.append(UPLOAD_ID, 0, DATA[:5])
    again = await blobs.stage(UPLOAD_ID, meta(99, user="mallory"))
    assert (again.offset_bytes, again.meta) == (5, meta(len(DATA)))


async def test_publishing_needs_all_bytes_and_may_be_repeated(blobs: BlobStore) -> None:
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    await blobs.append(UPLOAD_ID, 0, DATA[:5])
    with pytest.raises(OffsetConflict):
        await blobs.publish(UPLOAD_ID)
    await blobs.append(UPLOAD_ID, 5, DATA[5:])
    assert await blobs.publish(UPLOAD_ID) == await blobs.publish(UPLOAD_ID) == SHA
    staged = await blobs.staged(UPLOAD_ID)
    assert (staged.sha256, staged.offset_bytes) == (SHA, len(DATA))
    with pytest.raises(OffsetConflict):
        await blobs.append(UPLOAD_ID, len(DATA), b"more")


async def test_two_uploads_of_the_same_content_are_one_blob(blobs: BlobStore) -> None:
    other = UPLOAD_ID[::-1]
    for upload_id in (UPLOAD_ID, other):
        await blobs.stage(upload_id, meta(len(DATA)))
        await blobs.append(upload_id, 0, DATA)
        assert await blobs.publish(upload_id) == SHA
    assert await blobs.put(DATA) == SHA
    await blobs.delete(SHA)
    with pytest.raises(BlobNotFound):
        await blobs.size(SHA)


async def test_a_refused_upload_keeps_its_reason_and_no_bytes(blobs: BlobStore) -> None:
    await blobs.stage(UPLOAD_ID, meta(3))
    await blobs.append(UPLOAD_ID, 0, b"abc")
    await blobs.refuse(UPLOAD_ID, "no image")
    staged = await blobs.staged(UPLOAD_ID)
    assert (staged.refusal, staged.sha256) == ("no image", None)
    with pytest.raises(OffsetConflict):
        await blobs.publish(UPLOAD_ID)
    with pytest.raises(UploadNotFound):
        blobs.open_staged(UPLOAD_ID)


async def test_abandoning_forgets_the_upload_but_not_its_blob(blobs: BlobStore) -> None:
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    await blobs.append(UPLOAD_ID, 0, DATA)
    await blobs.publish(UPLOAD_ID)
    assert [staged.id for staged in await blobs.uploads()] == [UPLOAD_ID]
    await blobs.abandon(UPLOAD_ID)
    await blobs.abandon(UPLOAD_ID)
    assert await blobs.uploads() == []
    with pytest.raises(UploadNotFound):
        await blobs.staged(UPLOAD_ID)
    assert await blobs.read(SHA, 0, 100) == DATA


async def test_what_is_not_there_is_said_so(blobs: BlobStore) -> None:
    unknown = bytes(32)
    for call in (blobs.size(unknown), blobs.read(unknown, 0, 1), blobs.verify(unknown)):
        with pytest.raises(BlobNotFound):
            await call
    with pytest.raises(BlobNotFound):
        blobs.open_blob(unknown)
    await blobs.delete(unknown)
    for missing in (blobs.staged(UPLOAD_ID), blobs.append(UPLOAD_ID, 0, b""), blobs.publish(UPLOAD_ID)):
        with pytest.raises(UploadNotFound):
            await missing


async def test_workers_can_read_staged_bytes_and_blobs(blobs: BlobStore) -> None:
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    await blobs.append(UPLOAD_ID, 0, DATA)
    with blobs.open_staged(UPLOAD_ID) as file:
        assert file.read() == DATA
    await blobs.publish(UPLOAD_ID)
    with blobs.open_blob(SHA) as file:
        file.seek(6)
        assert file.read() == DATA[6:]
