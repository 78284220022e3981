"""The media service when the disk or the process fails: typed errors, fail-stop, healing by asking again."""

from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trio.testing

from imserver.media import MediaBroken, MediaLimits, OutOfSpace, QuotaExceeded, UploadSuperseded
from imserver.media.disk import DiskBlobStore
from imserver.media.memory import MemoryBlobStore
from imserver.media.store import Staged, UploadMeta
from imserver.media.testing import MediaRoom, Stream, picture

DATA = b"shoes in size 42"
SMALL_STEPS = MediaLimits(append_bytes=4)


class Failing(MemoryBlobStore):
    """Raises what it is told to."""

    error: Exception | None = None
    publish_error: Exception | None = None
    appends = 0
    #: If set, `abandon` waits for it.
    abandoning: trio.Event | None = None

    async def abandon(self, upload_id: str) -> None:
        if self.abandoning is not None:
            await self.abandoning.wait()
        await super().abandon(upload_id)

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


class Hanging:
    """A body that never brings a byte."""

    def __aiter__(self) -> "Hanging":
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep_forever()


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


async def test_a_sweep_needs_none_of_the_places_that_busy_uploads_have_taken() -> None:
    room = MediaRoom(limits=MediaLimits(uploads_active_max=1))
    await room.media.create(room.ticket(1))
    room.clock.now_ms += room.limits.upload_ms_max
    busy = room.ticket(len(DATA))
    await room.media.create(busy)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(room.media.write, busy, 0, Hanging())
        await trio.testing.wait_all_tasks_blocked()
        assert room.media.statistics().uploads_active == 1
        assert await room.media.sweep() == 1
        nursery.cancel_scope.cancel()


async def test_a_request_for_an_upload_that_is_being_swept_is_answered_and_the_sweep_goes_on() -> None:
    blobs = Failing()
    room = MediaRoom(blobs)
    first, second = room.ticket(1), room.ticket(1)
    await room.media.create(first)
    await room.media.create(second)
    room.clock.now_ms += room.limits.upload_ms_max
    blobs.abandoning = trio.Event()
    swept: list[int] = []

    async def sweep() -> None:
        swept.append(await room.media.sweep())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sweep)
        await trio.testing.wait_all_tasks_blocked()
        blobs.abandoning = None
        assert (await room.media.state(first)).offset_bytes == 0
    assert swept == [1]
    assert [staged.id for staged in await blobs.uploads()] == [first.upload_id]


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


async def test_a_request_cut_off_while_it_begins_an_upload_promises_no_room(tmp_path: Path) -> None:
    """Superseded by a DELETE between the promise of room and the folder on disk."""

    class Slow(DiskBlobStore):
        async def stage(self, upload_id: str, meta: UploadMeta) -> Staged:
            staging.set()
            await trio.testing.wait_all_tasks_blocked()
            return await super().stage(upload_id, meta)

    staging = trio.Event()
    room = MediaRoom(Slow(tmp_path / "media"), quota_bytes=100)
    ticket = room.ticket(100)

    async def create() -> None:
        with suppress(UploadSuperseded):
            await room.media.create(ticket)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(create)
        await staging.wait()
        await room.media.abandon(ticket)
    assert await room.blobs.uploads() == []
    await room.media.create(room.ticket(100))


async def test_an_upload_that_the_disk_fails_to_begin_promises_no_room(tmp_path: Path) -> None:
    class Full(DiskBlobStore):
        full = True

        async def stage(self, upload_id: str, meta: UploadMeta) -> Staged:
            staged = await super().stage(upload_id, meta)
            if self.full:
                raise OutOfSpace("full")
            return staged

    blobs = Full(tmp_path / "media")
    room = MediaRoom(blobs, quota_bytes=100)
    with pytest.raises(OutOfSpace):
        await room.media.create(room.ticket(100))
    assert await blobs.uploads() == [], "an upload without a promise of room"
    blobs.full = False
    await room.media.create(room.ticket(100))


async def test_a_blob_that_a_crash_kept_from_the_catalog_counts_from_the_restart_on() -> None:
    """Nobody asks for it again: it is counted as promised, and entered when its upload is swept."""
    blobs = Failing()
    room = MediaRoom(blobs, quota_bytes=2 * len(DATA) - 1)
    ticket = room.ticket(len(DATA))
    await room.media.create(ticket)
    blobs.publish_error = RuntimeError("killed")
    with pytest.raises(RuntimeError):
        await room.media.write(ticket, 0, Stream(DATA))
    blobs.publish_error = None
    await room.restarted().recover()
    with pytest.raises(QuotaExceeded):
        await room.media.create(room.ticket(len(DATA)))
    room.clock.now_ms += room.limits.upload_ms_max
    assert await room.media.sweep() == 1
    assert await room.catalog.app_bytes(1) == len(DATA)
    with pytest.raises(QuotaExceeded):
        await room.media.create(room.ticket(len(DATA)))


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
