"""The data directory: locked, ours or refused, each with a sentence that says what to do."""

import os
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from imserver.storage.folder import (
    DATABASE_NAME,
    LOCK_NAME,
    FolderForeign,
    FolderFull,
    FolderLock,
    FolderLocked,
    SchemaNewer,
)
from imserver.storage.schema import MIGRATIONS, migrate, open_writer, read_epoch, schema_version
from imserver.storage.sqlite import open_sqlite
from imserver.storage.store import StoreBroken


async def test_a_second_opening_is_refused_with_the_owners_pid(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True):
        with pytest.raises(FolderLocked, match=rf"process {os.getpid()}; stop that one") as caught:
            async with open_sqlite(tmp_path, inline=True):
                pass
        assert caught.value.pid == os.getpid()
    async with open_sqlite(tmp_path, inline=True):
        pass


def test_another_process_is_refused_and_its_lock_goes_with_it(tmp_path: Path) -> None:
    """The lock is the process's: a SIGKILL frees it, a leftover LOCK file means nothing."""
    program = (
        "import sys; from pathlib import Path; from imserver.storage.folder import FolderLock\n"
        "lock = FolderLock(Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"locked\n"
        with pytest.raises(FolderLocked, match=f"process {child.pid}"):
            FolderLock(tmp_path)
        child.kill()
    assert (tmp_path / LOCK_NAME).exists()
    FolderLock(tmp_path).release()


def test_a_folder_of_other_things_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(FolderForeign, match="holds other things"):
        FolderLock(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["photos"]


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for path in (file, file / "below"):
        with pytest.raises(FolderForeign, match="not a directory"):
            FolderLock(path)


def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(FolderForeign, match="another program"):
        open_writer(path)
    path.write_bytes(b"This is a letter to my aunt, no database. " * 100)
    with pytest.raises(FolderForeign, match="not a database"):
        open_writer(path)
    path.write_bytes(before)
    assert [entry.name for entry in tmp_path.iterdir()] == [DATABASE_NAME]


def test_power_lost_while_the_file_was_made_leaves_a_folder_to_start_in(tmp_path: Path) -> None:
    """The first page is torn, the journal that undoes it is whole; SQLite reads the torn one first."""
    path = tmp_path / DATABASE_NAME
    page = bytearray(b"SQLite format 3\0".ljust(4096, b"\0"))
    page[16:24] = bytes((16, 0, 2, 2, 0, 64, 32, 32))  # pages of 4,096 bytes, in WAL mode
    page[64:68] = b"torn"  # where a flag says "vacuum step by step"
    path.write_bytes(page)
    journal = bytes.fromhex("d9d505f920a163d7") + struct.pack(">IIIII", 0, 1, 0, 512, 4096)
    path.with_name(f"{path.name}-journal").write_bytes(journal.ljust(512, b"\0"))
    with closing(open_writer(path)) as db:
        assert schema_version(db) == len(MIGRATIONS)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    with closing(open_writer(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 3}")
    with pytest.raises(SchemaNewer, match=f"version {len(MIGRATIONS) + 3} .* newer version"):
        open_writer(path)
    with closing(sqlite3.connect(path)) as db:
        assert schema_version(db) == len(MIGRATIONS) + 3


def test_a_database_damaged_in_the_middle_does_not_open(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    with closing(open_writer(path)) as db:
        db.execute("BEGIN")
        db.executemany("INSERT INTO user (app, name) VALUES (1, ?)", [(f"user {n}",) for n in range(5000)])
        db.execute("COMMIT")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with pytest.raises(StoreBroken, match=r"damaged|cannot be opened"):
        open_writer(path)


def test_migrations_run_once_each_and_a_failed_one_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / DATABASE_NAME
    with closing(open_writer(path)) as db:
        epoch = read_epoch(db)
        assert schema_version(db) == len(MIGRATIONS)
    step = ("CREATE TABLE later (x)", "INSERT INTO later VALUES (1)")
    monkeypatch.setattr(
        "imserver.storage.schema.MIGRATIONS", (*MIGRATIONS, (*step, "INSERT INTO nowhere VALUES (1)"))
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            migrate(db, len(MIGRATIONS) + 1)
        assert schema_version(db) == len(MIGRATIONS)
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'later'").fetchone() == (0,)
        monkeypatch.setattr("imserver.storage.schema.MIGRATIONS", (*MIGRATIONS, step))
        migrate(db, len(MIGRATIONS) + 1)
        migrate(db, len(MIGRATIONS) + 1)
        assert db.execute("SELECT x FROM later").fetchall() == [(1,)]
        assert (schema_version(db), read_epoch(db)) == (len(MIGRATIONS) + 1, epoch)


def test_a_new_database_is_durable_at_every_commit(tmp_path: Path) -> None:
    """WAL and FULL on the writer, no automatic checkpoint: those hide their errors."""
    with closing(open_writer(tmp_path / DATABASE_NAME)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_a_schema_whose_damage_is_no_text_is_refused_as_damage(tmp_path: Path) -> None:
    """SQLite names the table that it cannot read, byte for byte; found by a flipped bit."""
    path = tmp_path / DATABASE_NAME
    open_writer(path).close()
    whole = path.read_bytes()
    damaged = whole.replace(b"tableapp_key", b"table\xcbpp_key", 1)
    damaged = damaged.replace(b"CREATE TABLE app_key", b"CRXATE TABLE app_key", 1)
    path.write_bytes(damaged)
    with pytest.raises(StoreBroken, match="damaged"):
        open_writer(path)


class FullDisk(sqlite3.Connection):
    """Has no room for the index beside the WAL."""

    def execute(self, sql: str, *arguments: object) -> sqlite3.Cursor:
        if sql == "PRAGMA journal_mode = WAL":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
            raise error
        return super().execute(sql, *arguments)  # type: ignore[arg-type]


def test_a_full_disk_is_said_at_the_start(tmp_path: Path) -> None:
    def connect(*arguments: object, **options: object) -> sqlite3.Connection:
        return sqlite3.connect(*arguments, factory=FullDisk, **options)  # type: ignore[call-overload,no-any-return]

    with pytest.raises(FolderFull, match="is full; make room and start again"):
        open_writer(tmp_path / DATABASE_NAME, connect)
