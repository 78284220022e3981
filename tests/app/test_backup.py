import os
import sqlite3
from pathlib import Path

import pytest

from imserver.app import backup
from imserver.app.errors import AdminError
from imserver.storage.model import StoreBroken
from imserver.storage.sqlite import open_sqlite


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    async with open_sqlite(tmp_path / "data", inline=True) as store:
        await store.put_app("shoes", now_ms=1, media_bytes_max=1)
    return tmp_path / "data"


async def test_a_backup_that_fails_leaves_nothing_behind(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "file")

    with monkeypatch.context() as patched:
        patched.setattr(backup, "copy_blobs", full)
        with pytest.raises(AdminError, match="cannot write file: No space left on device"):
            backup.back_up(data, tmp_path / "copy")
        with pytest.raises(AdminError, match="No space left"):
            backup.restore(data, tmp_path / "again")
    assert os.listdir(tmp_path) == ["data"]  # noqa: PTH208
    backup.back_up(data, tmp_path / "copy")
    assert backup.verify(tmp_path / "copy").sound


async def test_a_database_that_cannot_be_read_is_an_error_of_one_line(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(backup, "back_up_database", torn)
    with pytest.raises(AdminError, match="cannot copy the database: disk I/O error"):
        backup.back_up(data, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_a_backup_is_complete_while_the_store_is_open_and_written(tmp_path: Path) -> None:
    """What was durable when the backup began is in it; it is sound, and later changes are not in it."""
    async with open_sqlite(tmp_path / "data") as store:
        await store.put_app("before", now_ms=1, media_bytes_max=1)
        backup.back_up(tmp_path / "data", tmp_path / "copy")
        await store.put_app("after", now_ms=1, media_bytes_max=1)
        assert [app.name for app in await store.apps()] == ["before", "after"]
    assert backup.verify(tmp_path / "copy").sound
    async with open_sqlite(tmp_path / "copy", inline=True) as store:
        assert [app.name for app in await store.apps()] == ["before"]


async def test_a_damaged_database_is_neither_backed_up_nor_restored(data: Path, tmp_path: Path) -> None:
    """The text names the file that is there, and nothing is left behind."""
    backup.back_up(data, tmp_path / "copy")
    for folder, act in ((data, backup.back_up), (tmp_path / "copy", backup.restore)):
        file = folder / "im.db"
        content = bytearray(file.read_bytes())
        content[2 * 4096 + 50 : 3 * 4096] = b"\x5a" * (4096 - 50)
        file.write_bytes(content)
        assert not backup.verify(folder).sound
        with pytest.raises(StoreBroken, match=r"im\.db is damaged: ") as refused:
            act(folder, tmp_path / "again")
        assert str(file) in str(refused.value)
    assert sorted(os.listdir(tmp_path)) == ["copy", "data"]  # noqa: PTH208


async def test_a_restored_directory_has_a_new_epoch_and_the_backup_keeps_its_own(
    data: Path, tmp_path: Path
) -> None:
    backup.back_up(data, tmp_path / "copy")
    before = backup.verify(tmp_path / "copy").epoch
    backup.restore(tmp_path / "copy", tmp_path / "again")
    assert backup.verify(data).epoch == before == backup.verify(tmp_path / "copy").epoch
    assert backup.verify(tmp_path / "again").epoch != before
