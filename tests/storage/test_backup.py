"""A backup is taken from a live server; a restored one is known by its epoch (G13)."""

from pathlib import Path

import pytest

from imserver.storage.backup import back_up, stamp_restored
from imserver.storage.folder import DATABASE_NAME, FolderError, FolderForeign, FolderLocked
from imserver.storage.sqlite import open_sqlite
from imserver.storage.verify import verify
from tests.contracts.house import ROOM, House


async def test_a_backup_of_a_live_server_comes_back_whole_under_a_new_epoch(tmp_path: Path) -> None:
    live, restored = tmp_path / "live", tmp_path / "restored"
    restored.mkdir()
    async with open_sqlite(live, inline=True) as store:
        epoch = store.epoch
        house = await House.build(store)
        await house.room("alice", "bob")
        await house.append(house.message("alice", "kept", "alice", "bob"))
        back_up(live, restored / DATABASE_NAME)
        await house.append(house.message("alice", "after the backup", "alice", "bob"))
    assert verify(restored).sound
    assert stamp_restored(restored) == verify(restored).epoch != epoch
    async with open_sqlite(restored, inline=True) as store:
        assert store.epoch == verify(restored).epoch
        conversation = await store.conversation(ROOM)
        assert conversation is not None
        assert conversation.head == 2
    async with open_sqlite(live, inline=True) as store:
        assert store.epoch == epoch, "a plain restart keeps the epoch"


async def test_a_running_server_is_not_stamped(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True):
        with pytest.raises(FolderLocked):
            stamp_restored(tmp_path)


def test_only_a_data_directory_is_backed_up_or_stamped(tmp_path: Path) -> None:
    with pytest.raises(FolderForeign, match="no server data"):
        back_up(tmp_path, tmp_path / "copy")
    with pytest.raises(FolderForeign, match="no server data"):
        stamp_restored(tmp_path)
    assert not (tmp_path / DATABASE_NAME).exists()


async def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True):
        (tmp_path / "copy").write_text("precious")
        with pytest.raises(FolderError, match="there already"):
            back_up(tmp_path, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "precious"
