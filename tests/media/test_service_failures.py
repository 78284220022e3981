"""The media service when the disk or the process fails: typed errors, fail-stop, healing by asking again."""

from pathlib import Path

import pytest

from imserver.media import MediaBroken, MediaLimits, OutOfSpace
from imserver.media.disk import DiskBlobStore
from imserver.media.memory import MemoryBlobStore
from imserver.media.testing import MediaRoom, Stream, picture

DATA = b"shoes in size 42"
SMALL_STEPS = MediaLimits(append_bytes=4)


class Failing(MemoryBlobStore):
    """Raises what it is told to."""

    error: Exception | None = None
    publish_error: Exception | None = None
    appends = 0

    async def append(self, upload_id: str, offset_bytes: int, data: bytes) -> int:
        self.appends += 1
        if self.error is not None:
            raise self.error
        return await super().append(upload_id, offset_bytes, data)

    async def publish(self, upload_id: str) -> bytes:
        sha256 = await super().publish(upload_id)
        if self.publish_error is not None:
            raise self.publish_error
        return sha256


async def test_a_full_disk_is_a_typed_error_and_the_upload_goes_on_when_there_is_room() -> None:
    blobs = Failing()
    room = MediaRoom(blobs, limits=SMALL_STEPS)
    ticket = room.ticket(len(DATA))
    await room.media.create(ticket)
    await room.blobs.append(ticket.upload_id, 0, DATA[:5])
    blobs.error = OutOfSpace("no space left")
    with pytest.raises(OutOfSpace):
        await room.media.write(ticket, 5, Stream(DATA[5:]))
    blobs.error = None
    assert (await room.media.state(ticket)).offset_bytes == 5
    assert (await room.media.write(ticket, 5, Stream(DATA[5:]))).blob is not None


async def test_after_a_broken_store_nothing_is_acknowledged_any_more_and_the_caller_learns_it() -> None:
    blobs = Failing()
    room = MediaRoom(blobs, limits=SMALL_STEPS)
    done = room.ticket(len(DATA))
    await room.media.create(done)
    await room.media.write(done, 0, Stream(DATA))
    ticket = room.ticket(len(DATA))
    await room.media.create(ticket)
    blobs.error = MediaBroken("fsync failed")
    appends = blobs.appends
    with pytest.raises(MediaBroken):
        await room.media.write(ticket, 0, Stream(DATA))
    assert blobs.appends == appends + 1, "a failed write was tried again"
    blobs.error = None
    assert isinstance(await room.media.wait_broken(), MediaBroken)
    assert room.media.broken is not None
    for call in (
        room.media.write(ticket, 0, Stream(DATA)),
        room.media.state(done),
        room.media.create(room.ticket(1)),
    ):
        with pytest.raises(MediaBroken, match="fsync failed"):
            await call


async def test_a_crash_between_publishing_and_the_catalog_is_healed_by_asking_again() -> None:
    blobs = Failing()
    room = MediaRoom(blobs)
    data = picture("PNG")
    ticket = room.ticket(len(data), mime="image/png")
    await room.media.create(ticket)
    blobs.publish_error = RuntimeError("killed")
    with pytest.raises(RuntimeError):
        await room.media.write(ticket, 0, Stream(data))
    assert await room.catalog.app_bytes(1) == 0
    blobs.publish_error = None
    await room.restarted().recover()
    blob = (await room.media.state(ticket)).blob
    assert blob is not None
    assert (blob.mime, blob.thumbnail is not None) == ("image/png", True)
    assert await room.media.read(blob, 0, len(data)) == data


async def test_a_kill_after_the_last_byte_is_healed_by_asking_again(tmp_path: Path) -> None:
    room = MediaRoom(DiskBlobStore(tmp_path / "media"))
    ticket = room.ticket(len(DATA))
    await room.media.create(ticket)
    await room.blobs.append(ticket.upload_id, 0, DATA)
    room.blobs = DiskBlobStore(tmp_path / "media")
    await room.restarted().recover()
    blob = (await room.media.state(ticket)).blob
    assert blob is not None
    assert await room.media.read(blob, 0, 100) == DATA
