"""What only a disk can do wrong: kills, power cuts, full and failing disks, rotten blobs, strange names."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from imserver.media import MediaBroken, OutOfSpace, UploadNotFound
from imserver.media.disk import DiskBlobStore
from imserver.media.durable_files import DurableFiles
from imserver.media.testing import UPLOAD_ID, meta
from imserver.media.workers import InlineWorkers

DATA = bytes(range(256)) * 8
SHA = hashlib.sha256(DATA).digest()


class FailingFiles(DurableFiles):
    """A disk that fails on command: with an error number, in write or in fsync, after so many good calls."""

    def __init__(self, *, write: int | None = None, fsync: int | None = None, after: int = 0) -> None:
        self.write_errno, self.fsync_errno, self.after = write, fsync, after

    def write_at(self, fd: int, data: bytes, offset_bytes: int) -> None:
        if self._due(self.write_errno):
            super().write_at(fd, data[: len(data) // 2], offset_bytes)  # a full disk takes what still fits
            assert self.write_errno is not None
            raise OSError(self.write_errno, os.strerror(self.write_errno))
        super().write_at(fd, data, offset_bytes)

    def fsync(self, fd: int) -> None:
        if self._due(self.fsync_errno):
            raise MediaBroken("fsync failed")
        super().fsync(fd)

    def _due(self, number: int | None) -> bool:
        if number is None:
            return False
        self.after -= 1
        return self.after < 0


class PowerCutFiles(DurableFiles):
    """Knows which files hold bytes that a power cut would take, and which folders have unsynced names."""

    def __init__(self) -> None:
        self.dirty: set[int] = set()
        self.folders: set[Path] = set()

    def write_at(self, fd: int, data: bytes, offset_bytes: int) -> None:
        inode = os.fstat(fd).st_ino
        if Path(f"/proc/self/fd/{fd}").readlink().name == "offset":
            assert self.dirty <= {inode}, "the offset moves before its data is durable"
        self.dirty.add(inode)
        super().write_at(fd, data, offset_bytes)

    def fsync(self, fd: int) -> None:
        super().fsync(fd)
        self.dirty.discard(os.fstat(fd).st_ino)

    @contextmanager
    def names_synced(self, folder: Path) -> Iterator[None]:
        with super().names_synced(folder):
            yield
        self.folders.discard(folder)

    def replace(self, temporary: Path, path: Path) -> None:
        assert temporary.stat().st_ino not in self.dirty, "a name is published before its bytes are durable"
        self.folders.add(path.parent)
        super().replace(temporary, path)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names of open files are read from /proc")
async def test_nothing_is_reported_or_named_that_a_power_cut_would_take(tmp_path: Path) -> None:
    files = PowerCutFiles()
    blobs = DiskBlobStore(tmp_path / "media", files=files)
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    assert not files.dirty
    for start in range(0, len(DATA), 512):
        await blobs.append(UPLOAD_ID, start, DATA[start : start + 512])
        assert not files.dirty
    for sha256 in (await blobs.publish(UPLOAD_ID), await blobs.put(b"small")):
        assert await blobs.verify(sha256)
        assert not files.dirty | files.folders


async def test_disk_full_in_the_middle_of_an_upload_keeps_it_and_it_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    files = FailingFiles()
    blobs = DiskBlobStore(tmp_path / "media", files=files)
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    await blobs.append(UPLOAD_ID, 0, DATA[:1000])
    for space_errno in (errno.ENOSPC, errno.EDQUOT):
        files.write_errno = space_errno
        with pytest.raises(OutOfSpace):
            await blobs.append(UPLOAD_ID, 1000, b"\xff" * 1000)
        assert (await blobs.staged(UPLOAD_ID)).offset_bytes == 1000
    files.write_errno = None
    await blobs.append(UPLOAD_ID, 1000, DATA[1000:])
    assert await blobs.publish(UPLOAD_ID) == SHA


@pytest.mark.parametrize(
    "files", [FailingFiles(write=errno.EIO), FailingFiles(fsync=errno.EIO)], ids=["write", "fsync"]
)
async def test_an_io_error_or_failed_fsync_breaks_the_store(tmp_path: Path, files: FailingFiles) -> None:
    DiskBlobStore(tmp_path / "media")
    files.after = 100
    blobs = DiskBlobStore(tmp_path / "media", files=files)
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    files.after = 0
    with pytest.raises(MediaBroken):
        await blobs.append(UPLOAD_ID, 0, DATA)


async def test_the_first_failed_fsync_of_the_system_is_not_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An `os.fsync` that fails once and would then succeed must break the store the first time."""
    blobs = DiskBlobStore(tmp_path / "media", workers=InlineWorkers())
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    real, failures = os.fsync, [OSError(errno.ENOSPC, "late news")]

    def fsync(fd: int) -> None:
        if failures:
            raise failures.pop()
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(MediaBroken):
        await blobs.append(UPLOAD_ID, 0, DATA)


async def test_bytes_behind_the_durable_offset_are_never_reported(tmp_path: Path) -> None:
    """After a power cut the data file may be longer than what was fsynced, and hold anything there."""
    blobs = DiskBlobStore(tmp_path / "media")
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    await blobs.append(UPLOAD_ID, 0, DATA[:1000])
    with (tmp_path / "media" / "uploads" / UPLOAD_ID / "data").open("ab") as file:
        file.write(b"\0" * 3000)
    after = DiskBlobStore(tmp_path / "media")
    assert (await after.staged(UPLOAD_ID)).offset_bytes == 1000
    await after.append(UPLOAD_ID, 1000, DATA[1000:])
    assert await after.publish(UPLOAD_ID) == SHA
    assert await after.size(SHA) == len(DATA)


@given(cut=st.integers(0, 12), noise=st.binary(min_size=12, max_size=12))
def test_a_torn_write_of_the_offset_leaves_the_one_before(
    cut: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("slots") / "offset"
    files = DurableFiles()
    files.new_offset(path)
    files.move_offset(path, 7000)
    before = path.read_bytes()
    files.move_offset(path, 70_000)
    changed = path.read_bytes()
    where = next(i for i in (0, 512) if before[i : i + 12] != changed[i : i + 12])
    torn = changed[: where + cut] + noise[cut:] + changed[where + 12 :]
    path.write_bytes(torn)
    assert files.read_offset(path) in {7000, 70_000}
    assert files.read_offset(path) == (70_000 if torn == changed else 7000)


@pytest.mark.parametrize(
    "upload_id",
    [
        "../../etc",
        "..",
        "",
        ".",
        "a/b",
        UPLOAD_ID + "/..",
        UPLOAD_ID.upper(),
        "/" + UPLOAD_ID,
        f"{UPLOAD_ID}\n",
    ],
)
async def test_an_upload_id_is_never_a_path(tmp_path: Path, upload_id: str) -> None:
    blobs = DiskBlobStore(tmp_path / "media")
    before = tree(tmp_path)
    for call in (
        blobs.stage(upload_id, meta(1)),
        blobs.staged(upload_id),
        blobs.append(upload_id, 0, b"x"),
        blobs.abandon(upload_id),
    ):
        with pytest.raises(UploadNotFound):
            await call
    assert tree(tmp_path) == before


def tree(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


async def test_blobs_are_sharded_by_the_hex_of_their_sha_256(tmp_path: Path) -> None:
    blobs = DiskBlobStore(tmp_path / "media")
    await blobs.put(DATA)
    name = SHA.hex()
    assert await trio.Path(tmp_path, "media", "blobs", name[:2], name[2:]).read_bytes() == DATA


async def test_a_rotten_blob_is_found_by_verify_and_healed_by_a_new_upload(tmp_path: Path) -> None:
    blobs = DiskBlobStore(tmp_path / "media")
    await blobs.put(DATA)
    path = trio.Path(tmp_path / "media" / "blobs" / SHA.hex()[:2] / SHA.hex()[2:])
    await path.write_bytes(DATA[:-1] + b"\0")
    assert not await blobs.verify(SHA)
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    await blobs.append(UPLOAD_ID, 0, DATA)
    assert await blobs.publish(UPLOAD_ID) == SHA
    assert await blobs.verify(SHA)


async def test_a_kill_between_sealing_and_renaming_is_finished_by_the_next_publish(tmp_path: Path) -> None:
    blobs = DiskBlobStore(tmp_path / "media")
    await blobs.stage(UPLOAD_ID, meta(len(DATA)))
    await blobs.append(UPLOAD_ID, 0, DATA)
    assert blobs._upload(UPLOAD_ID).seal() == SHA
    after = DiskBlobStore(tmp_path / "media")
    assert await after.publish(UPLOAD_ID) == SHA
    assert await after.read(SHA, 0, len(DATA)) == DATA


async def test_a_start_clears_what_a_kill_left_half_made(tmp_path: Path) -> None:
    DiskBlobStore(tmp_path / "media")
    left = tmp_path / "media" / "temporary" / "half"
    left.mkdir()
    (left / "data").write_bytes(b"x")
    blobs = DiskBlobStore(tmp_path / "media")
    assert list((tmp_path / "media" / "temporary").iterdir()) == []
    assert await blobs.uploads() == []


WRITER = """
import hashlib, sys, trio
from pathlib import Path
from imserver.media.disk import DiskBlobStore
from imserver.media.testing import UPLOAD_ID, meta
def content(size):
    block = hashlib.sha256(b"seed").digest()
    return (block * (size // 32 + 1))[:size]

async def main(root, size, step):
    data = content(size)
    blobs = DiskBlobStore(Path(root))
    offset = (await blobs.stage(UPLOAD_ID, meta(size))).offset_bytes
    print(offset, flush=True)
    while offset < size:
        offset = await blobs.append(UPLOAD_ID, offset, data[offset:offset + step])
        print(offset, flush=True)
    print((await blobs.publish(UPLOAD_ID)).hex(), flush=True)

trio.run(main, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
"""


def test_an_uploader_killed_again_and_again_loses_nothing_it_reported(tmp_path: Path) -> None:
    """Real processes, SIGKILL after a few reports: the next one starts at or behind the last report."""
    size, step = 3_000_000, 30_000
    reported, kills = 0, 0
    for _ in range(40):
        command = [sys.executable, "-c", WRITER, str(tmp_path / "media"), str(size), str(step)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            first = int(child.stdout.readline())
            assert first >= reported, "a reported offset was lost"
            reported = first
            for line in child.stdout:
                if len(line) > 60:
                    assert line.strip() == _expected(size)
                    assert kills >= 8
                    return
                reported = int(line)
                if reported - first >= 10 * step:
                    child.send_signal(signal.SIGKILL)
                    kills += 1
                    break
    pytest.fail("the upload never ended")


def _expected(size: int) -> str:
    block = hashlib.sha256(b"seed").digest()
    return hashlib.sha256((block * (size // 32 + 1))[:size]).hexdigest()
