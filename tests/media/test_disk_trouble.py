"""What the disk store makes of damaged uploads and of a system that has nothing to give for the moment."""

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from imserver.media import MediaBusy, QuotaExceeded, UploadNotFound
from imserver.media.disk import DiskBlobStore
from imserver.media.testing import UPLOAD_ID, MediaRoom, Stream, meta
from imserver.media.workers import InlineWorkers
from tests.media.test_disk import PowerCutFiles

DATA = bytes(range(256)) * 8
SHA = hashlib.sha256(DATA).digest()
OTHER_ID = "f" * 32

DAMAGE = {
    "an empty meta": lambda folder: (folder / "meta.json").write_bytes(b""),
    "a torn meta": lambda folder: (folder / "meta.json").write_bytes(b'{"version": 1, "me'),
    "a meta of something else": lambda folder: (folder / "meta.json").write_bytes(
        b'{"version": 1, "meta": {}}'
    ),
    "a meta of zeros": lambda folder: (folder / "meta.json").write_bytes(bytes(200)),
    "no meta": lambda folder: (folder / "meta.json").unlink(),
    "no valid slot": lambda folder: (folder / "offset").write_bytes(bytes(1024)),
    "no offset": lambda folder: (folder / "offset").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_upload_is_dropped_by_name_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    blobs = DiskBlobStore(tmp_path / "media")
    for upload_id in (UPLOAD_ID, OTHER_ID):
        await blobs.stage(upload_id, meta(len(DATA)))
    folder = tmp_path / "media" / "uploads" / UPLOAD_ID
    DAMAGE[damage](folder)
    assert [staged.id for staged in await DiskBlobStore(tmp_path / "media").uploads()] == [OTHER_ID]
    assert not folder.exists()
    assert [UPLOAD_ID in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_the_sender_of_a_damaged_upload_begins_anew_and_its_room_is_free(
    tmp_path: Path, damage: str
) -> None:
    room = MediaRoom(DiskBlobStore(tmp_path / "media"), quota_bytes=len(DATA))
    ticket = room.ticket(len(DATA))
    await room.media.create(ticket)
    DAMAGE[damage](tmp_path / "media" / "uploads" / ticket.upload_id)
    with pytest.raises(UploadNotFound):
        await room.media.write(ticket, 0, Stream(DATA))
    other = room.ticket(len(DATA))
    await room.media.create(other)
    with pytest.raises(QuotaExceeded):
        await room.media.create(ticket)
    assert (await room.media.write(other, 0, Stream(DATA))).blob is not None


async def upload(blobs: DiskBlobStore, files: PowerCutFiles) -> bool:
    """One step after the other; whether there was nothing to give at one of them."""
    for step in (
        lambda: blobs.stage(UPLOAD_ID, meta(len(DATA))),
        lambda: blobs.append(UPLOAD_ID, 0, DATA),
        lambda: blobs.publish(UPLOAD_ID),
        lambda: blobs.put(b"small"),
        lambda: blobs.refuse(UPLOAD_ID, "no"),
        lambda: blobs.abandon(UPLOAD_ID),
    ):
        try:
            await step()
        except MediaBusy:
            await step()
            assert not files.dirty | files.folders, "a repeat took for durable what was not"
            return True
    return False


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
async def test_out_of_descriptors_at_any_moment_is_busy_and_a_repeat_finds_all_of_it_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = os.open
    left = 0

    def scarce(*args: Any, **kwargs: Any) -> int:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)

    monkeypatch.setattr(os, "open", scarce)
    for failing in range(1, 100):
        files = PowerCutFiles()
        blobs = DiskBlobStore(tmp_path / str(failing), workers=InlineWorkers(), files=files)
        left = failing
        if not await upload(blobs, files):
            break
    assert failing > 15, "not every step opened files"
    assert failing < 99
