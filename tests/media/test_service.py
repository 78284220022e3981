"""The media service: uploads that resume, completion that heals, quota before bytes, fail-stop."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from imserver.media import (
    THUMBNAIL,
    BlobNotFound,
    MediaLimits,
    MediaRefused,
    OffsetConflict,
    QuotaExceeded,
    TooLarge,
    UploadInterrupted,
    UploadNotFound,
    UploadSuperseded,
    UploadTicket,
)
from imserver.media.disk import DiskBlobStore
from imserver.media.testing import MediaRoom, Stream, picture, wav

DATA = b"shoes in size 42"
SMALL_STEPS = MediaLimits(append_bytes=4)


async def upload(room: MediaRoom, data: bytes, **claims: str) -> UploadTicket:
    ticket = room.ticket(len(data), **claims)  # type: ignore[arg-type]
    await room.media.create(ticket)
    await room.media.write(ticket, 0, Stream(data))
    return ticket


async def cut(data: bytes) -> AsyncIterator[bytes]:
    """A body whose connection breaks after these bytes."""
    yield data
    raise UploadInterrupted("the connection was lost")


async def test_an_image_becomes_a_blob_with_a_thumbnail_of_its_own() -> None:
    room = MediaRoom()
    data = picture("JPEG", (640, 480))
    ticket = await upload(room, data, mime="image/jpeg")
    blob = (await room.media.state(ticket)).blob
    assert blob is not None
    assert (blob.sha256, blob.size_bytes, blob.mime) == (
        hashlib.sha256(data).digest(),
        len(data),
        "image/jpeg",
    )
    assert (blob.width, blob.height) == (640, 480)
    small = await room.media.find(1, blob.sha256, THUMBNAIL)
    assert (small.sha256, small.width, small.height) == (blob.thumbnail, 320, 240)
    assert len(await room.media.read(small, 0, 10**6)) == small.size_bytes
    assert await room.media.read(blob, 0, 10**6) == data


async def test_a_voice_clip_tells_its_length_and_has_no_thumbnail() -> None:
    room = MediaRoom()
    ticket = await upload(room, wav(1500), mime="audio/wav")
    blob = (await room.media.state(ticket)).blob
    assert blob is not None
    assert (blob.mime, blob.duration_ms, blob.thumbnail) == ("audio/wav", 1500, None)
    with pytest.raises(BlobNotFound):
        await room.media.find(1, blob.sha256, THUMBNAIL)


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 60),
    cuts=st.lists(st.integers(0, 60), max_size=10),
    restart=st.booleans(),
    step=st.integers(1, 20),
)
def test_an_upload_cut_at_any_byte_any_number_of_times_ends_in_the_same_blob(
    size: int, cuts: list[int], restart: bool, step: int
) -> None:
    """After each cut the offset is what arrived, exactly, and going on from there completes it."""

    async def main() -> None:
        room = MediaRoom(limits=MediaLimits(append_bytes=step))
        data = bytes(range(size))
        ticket = room.ticket(size)
        await room.media.create(ticket)
        for cut_at in sorted(cuts):
            offset = (await room.media.state(ticket)).offset_bytes
            with pytest.raises(UploadInterrupted):
                await room.media.write(ticket, offset, cut(data[offset:cut_at]))
            if restart:
                await room.restarted().recover()
            assert (await room.media.state(ticket)).offset_bytes == max(offset, min(cut_at, size))
        offset = (await room.media.state(ticket)).offset_bytes
        done = await room.media.write(ticket, offset, Stream(data[offset:]))
        assert done.blob is not None
        assert done.blob.sha256 == hashlib.sha256(data).digest()
        assert await room.media.read(done.blob, 0, size) == data

    trio.run(main)


async def test_a_write_at_a_wrong_offset_is_told_the_right_one_and_changes_nothing() -> None:
    room = MediaRoom()
    ticket = room.ticket(len(DATA))
    await room.media.create(ticket)
    with pytest.raises(UploadInterrupted):
        await room.media.write(ticket, 0, cut(DATA[:5]))
    for wrong in (0, 4, 6):
        with pytest.raises(OffsetConflict) as conflict:
            await room.media.write(ticket, wrong, Stream(b"!!!"))
        assert conflict.value.offset_bytes == 5
    done = await room.media.write(ticket, 5, Stream(DATA[5:]))
    assert done.blob is not None
    assert done.blob.sha256 == hashlib.sha256(DATA).digest()


async def test_more_bytes_than_declared_are_refused_and_the_declared_ones_kept() -> None:
    room = MediaRoom(limits=SMALL_STEPS)
    ticket = room.ticket(len(DATA))
    await room.media.create(ticket)
    with pytest.raises(TooLarge):
        await room.media.write(ticket, 0, Stream(DATA, b"more"))
    state = await room.media.state(ticket)
    assert state.blob is not None
    assert state.blob.sha256 == hashlib.sha256(DATA).digest()


async def test_creating_and_finishing_again_after_lost_answers_changes_nothing() -> None:
    room = MediaRoom()
    ticket = await upload(room, DATA)
    first = await room.media.state(ticket)
    assert await room.media.create(ticket) == first
    assert await room.media.write(ticket, len(DATA), Stream()) == first
    assert await room.catalog.app_bytes(1) == len(DATA)


async def test_a_foreign_upload_looks_like_none() -> None:
    room = MediaRoom()
    mine = room.ticket(len(DATA))
    await room.media.create(mine)
    for foreign in ({"user": "bob"}, {"app": 2}, {"size_bytes": 3}):
        fields = {"app": 1, "user": "alice", "size_bytes": len(DATA), "mime": "", "name": ""} | foreign
        text, _ = room.media.tickets.issue_upload(**fields, upload_id=mine.upload_id)  # type: ignore[arg-type]
        theirs = room.media.tickets.open_upload(text)
        for call in (
            room.media.state(theirs),
            room.media.write(theirs, 0, Stream(DATA)),
            room.media.abandon(theirs),
            room.media.create(theirs),
        ):
            with pytest.raises(UploadNotFound):
                await call
    assert (await room.media.state(mine)).offset_bytes == 0


async def test_apps_do_not_see_each_others_blobs_though_they_share_the_bytes() -> None:
    room = MediaRoom()
    await upload(room, DATA, mime="text/plain")
    with pytest.raises(BlobNotFound):
        await room.media.find(2, hashlib.sha256(DATA).digest())


async def test_a_refused_image_says_why_every_time_and_frees_its_room() -> None:
    room = MediaRoom(quota_bytes=1000)
    with pytest.raises(MediaRefused, match="the content is no"):
        await upload(room, bytes(1000), mime="image/png")
    ticket = room.ticket(500, mime="image/png")
    await room.media.create(ticket)
    with pytest.raises(MediaRefused):
        await room.media.write(ticket, 0, Stream(bytes(500)))
    for again in (
        room.media.state(ticket),
        room.media.create(ticket),
        room.media.write(ticket, 500, Stream()),
    ):
        with pytest.raises(MediaRefused, match="the content is no"):
            await again
    assert await room.catalog.app_bytes(1) == 0


async def test_refusing_an_image_leaves_the_same_bytes_sent_as_a_file_alone() -> None:
    room = MediaRoom()
    ticket = await upload(room, DATA)
    with pytest.raises(MediaRefused):
        await upload(room, DATA, mime="image/png")
    blob = (await room.media.state(ticket)).blob
    assert blob is not None
    assert await room.media.read(blob, 0, 100) == DATA


async def test_the_quota_refuses_before_any_byte_and_counts_open_uploads_after_a_restart() -> None:
    room = MediaRoom(quota_bytes=100)
    await room.media.create(room.ticket(60))
    for _ in range(2):
        with pytest.raises(QuotaExceeded):
            await room.media.create(room.ticket(60))
        await room.restarted().recover()
    await room.media.create(room.ticket(60, app=2))
    assert len(await room.blobs.uploads()) == 2


async def test_abandoning_frees_the_room() -> None:
    room = MediaRoom(quota_bytes=100)
    ticket = room.ticket(100)
    await room.media.create(ticket)
    await room.media.abandon(ticket)
    await room.media.create(room.ticket(100))
    with pytest.raises(UploadNotFound):
        await room.media.state(ticket)


async def test_uploads_are_swept_when_their_time_is_over_and_a_day_of_wrong_clock_is_harmless() -> None:
    room = MediaRoom(quota_bytes=100)
    done = await upload(room, DATA)
    await room.media.create(room.ticket(50))
    room.clock.now_ms += 24 * 3600 * 1000
    assert await room.media.sweep() == 0
    room.clock.now_ms += 6 * 24 * 3600 * 1000
    assert await room.media.sweep() == 2
    assert await room.blobs.uploads() == []
    assert (await room.media.find(1, hashlib.sha256(DATA).digest())).size_bytes == len(DATA)
    await room.media.create(room.ticket(100 - len(DATA)))
    with pytest.raises(UploadNotFound):
        await room.media.state(done)


async def test_a_new_request_takes_over_from_one_that_hangs_and_has_all_its_bytes() -> None:
    room = MediaRoom()
    ticket = room.ticket(len(DATA))
    await room.media.create(ticket)

    async def half_open() -> AsyncIterator[bytes]:
        yield DATA[:7]
        await trio.sleep_forever()

    async def old_connection() -> None:
        with pytest.raises(UploadSuperseded):
            await room.media.write(ticket, 0, half_open())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(old_connection)
        await trio.testing.wait_all_tasks_blocked()
        assert room.media.statistics().uploads_active == 1
        assert (await room.media.state(ticket)).offset_bytes == 7
    assert (await room.media.write(ticket, 7, Stream(DATA[7:]))).blob is not None


async def test_a_cancelled_request_keeps_what_arrived(tmp_path: Path) -> None:
    room = MediaRoom(DiskBlobStore(tmp_path / "media"))
    ticket = room.ticket(len(DATA))
    await room.media.create(ticket)
    with trio.CancelScope() as scope:

        async def cancelled() -> AsyncIterator[bytes]:
            yield DATA[:3]
            scope.cancel()
            await trio.lowlevel.checkpoint()

        await room.media.write(ticket, 0, cancelled())
    assert (await room.media.state(ticket)).offset_bytes == 3


@pytest.mark.parametrize("size_bytes", [0, -1, MediaLimits().upload_bytes_max + 1])
def test_no_ticket_is_issued_for_a_size_no_upload_may_have(size_bytes: int) -> None:
    with pytest.raises(TooLarge):
        MediaRoom().ticket(size_bytes)
