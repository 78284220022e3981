"""`imserver backup`, `restore`, `verify`."""

import sqlite3
from pathlib import Path

from imserver.storage.schema import read_epoch
from tests.cli.here import Here
from tests.cli.house import Cli, Server


def epoch(data_dir: Path) -> int:
    db = sqlite3.connect(data_dir / "im.db")
    try:
        return read_epoch(db)
    finally:
        db.close()


def test_a_backup_of_a_running_server_restores_to_the_same_with_a_new_epoch(
    cli: Cli, call: Here, data: Path
) -> None:
    with Server(cli.folder) as server:
        call.says("app", "create", "shoes")
        token = call.says("token", "alice", "--app", "shoes").strip()
        assert call.says("backup", "copies/one").startswith("Backup copies/one: database ")
        call.says("app", "create", "too-late")
        assert server.end() == 0
    assert call.says("restore", "copies/one", "-d", "again").startswith("Data directory again: database ")
    assert epoch(cli.folder / "again") != epoch(data)
    assert call.says("verify", "-d", "again").startswith("again is sound: ")
    assert "too-late" not in call.says("app", "list", "-d", "again")
    with Server(cli.folder, "-d", "again", "-l", "tcp://127.0.0.1:0", "--http", "http://127.0.0.1:0"):
        call.says("token-check", token, "-d", "again")


def test_nothing_is_overwritten(cli: Cli, call: Here, data: Path) -> None:
    (cli.folder / "there").mkdir()
    (cli.folder / "there" / "file").write_text("mine")
    assert "there is there already" in call.refused("backup", "there")
    call.says("backup", "copy")
    assert "copy is there already" in call.refused("backup", "copy")
    assert "imserver-data is there already" in call.refused("restore", "copy")
    assert [path.name for path in (cli.folder / "there").iterdir()] == ["file"]


def test_what_is_no_backup_is_not_restored(cli: Cli, call: Here) -> None:
    (cli.folder / "photos").mkdir()
    text = call.refused("restore", "photos", "-d", "new")
    assert text == "photos holds no server data; name a directory that `imserver backup` made"
    assert not (cli.folder / "new").exists()


def test_a_directory_put_back_by_hand_gets_a_new_epoch(call: Here, data: Path) -> None:
    before = epoch(data)
    assert call.says("restore") == "imserver-data has a new epoch; start the server.\n"
    assert epoch(data) != before


def test_verify_lists_what_is_wrong_and_exits_with_1(call: Here, data: Path) -> None:
    assert call.says("verify").startswith("imserver-data is sound: 0 users, ")
    db = sqlite3.connect(data / "im.db")
    with db:
        db.execute("INSERT INTO blob VALUES (1, ?, 3, 'image/png', 1, 1, NULL, NULL, 0)", (b"\x11" * 32,))
    db.close()
    result = call("verify")
    assert result.code == 1
    assert "the file is missing" in result.out.splitlines()[0]
    assert result.out.splitlines()[-1].startswith("imserver-data has 1 faults: ")
