"""The SQLite schema, its migrations from version 1 on, and how a connection is set up.

Every table that is read by a range is WITHOUT ROWID, so that the range lies together. Nothing is kept
twice: heads of conversations and logs are the largest keys of `record` and `log`, so no counter can
disagree with what it counts. Foreign keys are not enforced: it would cost a lookup per log row, and
`verify` checks them all at once.
"""

import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from imserver.storage.folder import FolderForeign, FolderFull, SchemaNewer
from imserver.storage.model import StoreBroken

#: `sqlite3.connect`, or what stands in for it on a simulated disk.
Connect = Callable[..., sqlite3.Connection]

#: Out of room and nothing lost by it. SHMSIZE: the index beside the WAL could not grow.
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})

#: "IMSV". Tells our files from others (sqlite.org/pragma.html, application_id).
APPLICATION_ID: Final = 0x494D5356
#: Up to this size `quick_check` runs at every start (it reads the whole file); `verify` has no limit.
QUICK_CHECK_BYTES_MAX: Final = 64 * 1024 * 1024
BUSY_TIMEOUT_MS: Final = 5_000
#: Pages in memory, in KiB. The writer keeps few: what 10,000 logins have touched would stay. But while the
#: tables follow the journal it needs all that changes, or would write pages twice for want of room.
READER_CACHE_KIB: Final = 16 * 1024
WRITER_CACHE_KIB: Final = 256
SETTLING_CACHE_KIB: Final = 16 * 1024

_VERSION_1: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE app (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL,
        media_bytes_max INTEGER NOT NULL)""",
    """CREATE TABLE app_key (
        app INTEGER NOT NULL, kid TEXT NOT NULL, algorithm TEXT NOT NULL, key BLOB NOT NULL,
        created_ms INTEGER NOT NULL, revoked_ms INTEGER NOT NULL, PRIMARY KEY (app, kid)) WITHOUT ROWID""",
    """CREATE TABLE user (
        id INTEGER PRIMARY KEY, app INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (app, name))""",
    # `outcomes` is a ring of the last results: one update per device and batch, not a row per command.
    """CREATE TABLE device (
        id INTEGER PRIMARY KEY, user INTEGER NOT NULL, name TEXT NOT NULL, session INTEGER NOT NULL,
        secret_hash BLOB NOT NULL, expires_ms INTEGER NOT NULL, accepted INTEGER NOT NULL DEFAULT 0,
        acked INTEGER NOT NULL DEFAULT 0, seen_ms INTEGER NOT NULL, outcomes BLOB NOT NULL DEFAULT x'',
        UNIQUE (user, name))""",
    "CREATE UNIQUE INDEX device_session ON device (session) WHERE session > 0",
    """CREATE TABLE conversation (
        id INTEGER PRIMARY KEY, app INTEGER NOT NULL, type INTEGER NOT NULL, title TEXT NOT NULL,
        created_ms INTEGER NOT NULL, user_a INTEGER NOT NULL, user_b INTEGER NOT NULL)""",
    "CREATE UNIQUE INDEX conversation_direct ON conversation (app, user_a, user_b) WHERE user_a > 0",
    """CREATE TABLE member (
        conversation INTEGER NOT NULL, user INTEGER NOT NULL, role INTEGER NOT NULL, first INTEGER NOT NULL,
        read INTEGER NOT NULL, delivered INTEGER NOT NULL, PRIMARY KEY (conversation, user)) WITHOUT ROWID""",
    "CREATE INDEX member_user ON member (user)",
    """CREATE TABLE record (
        conversation INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL, at_ms INTEGER NOT NULL,
        author INTEGER NOT NULL, target INTEGER NOT NULL, payload BLOB NOT NULL,
        PRIMARY KEY (conversation, seq)) WITHOUT ROWID""",
    "CREATE INDEX record_target ON record (conversation, target) WHERE target > 0",
    # A row refers to a record, or is a read mark: then `reader` and `at_ms` are set and `seq` is the mark.
    """CREATE TABLE log (
        user INTEGER NOT NULL, position INTEGER NOT NULL, conversation INTEGER NOT NULL, seq INTEGER NOT NULL,
        device INTEGER NOT NULL, bytes_total INTEGER NOT NULL, reader INTEGER, at_ms INTEGER,
        PRIMARY KEY (user, position)) WITHOUT ROWID""",
    # Up to `position` the log was trimmed. It keeps the head of a log that has no row left.
    """CREATE TABLE log_floor (
        user INTEGER PRIMARY KEY, position INTEGER NOT NULL, bytes_total INTEGER NOT NULL)""",
    """CREATE TABLE blob (
        app INTEGER NOT NULL, sha256 BLOB NOT NULL, size_bytes INTEGER NOT NULL, mime TEXT NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, duration_ms INTEGER, thumbnail BLOB,
        created_ms INTEGER NOT NULL, PRIMARY KEY (app, sha256)) WITHOUT ROWID""",
    """CREATE TABLE upload (
        user INTEGER NOT NULL, sha256 BLOB NOT NULL, PRIMARY KEY (user, sha256)) WITHOUT ROWID""",
    """CREATE TABLE media (
        conversation INTEGER NOT NULL, seq INTEGER NOT NULL, sha256 BLOB NOT NULL,
        PRIMARY KEY (conversation, seq, sha256)) WITHOUT ROWID""",
    "CREATE INDEX media_sha256 ON media (sha256)",
)

_VERSION_2: Final = ("CREATE TABLE ban (user INTEGER PRIMARY KEY)",)
#: NULL in older rows: their digest is computed when it is needed, so that this step takes no time however
#: many rows there are.
_VERSION_3: Final = ("ALTER TABLE record ADD COLUMN digest INTEGER",)
#: A row of `log` is a run from now on: `count` positions beginning at `position`, which hold the records of
#: one conversation from `seq` on. `bytes_total` is the sum at its end. `device` is 0: the records know it.
_VERSION_4: Final = (
    "ALTER TABLE log ADD COLUMN count INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE record ADD COLUMN device INTEGER NOT NULL DEFAULT 0",
)
#: Batches that the tables do not say yet (`journal`).
_VERSION_5: Final = ("CREATE TABLE journal (id INTEGER PRIMARY KEY, writes BLOB NOT NULL)",)
#: The newest change of each kind to a message is one step away, however many there are. `target > 0` would
#: pass for a range to search in place of `target = ?`. This step reads all records once.
_VERSION_6: Final = (
    "DROP INDEX record_target",
    "CREATE INDEX record_change ON record (conversation, target, kind) WHERE target != 0",
)

#: `MIGRATIONS[n]` leads from version n to n + 1, in one transaction. What was released is never changed.
MIGRATIONS: Final = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5, _VERSION_6)


def is_full(error: sqlite3.Error) -> bool:
    """Whether there was no room, so that nothing is lost by it."""
    return getattr(error, "sqlite_errorcode", None) in _FULL


def new_epoch() -> int:
    """A random epoch (G13)."""
    return secrets.randbelow(2**32 - 1) + 1


def open_writer(path: Path, connect: Connect = sqlite3.connect) -> sqlite3.Connection:
    """The one connection that writes, on a database that is set up, migrated and quickly checked.

    The caller holds the folder's lock. The connection may be used by one thread at a time.

    Raises:
        FolderForeign, FolderFull, SchemaNewer: see their texts.
        StoreBroken: the check found damage.
    """

    def connected() -> sqlite3.Connection:
        return connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)

    db = connected()
    try:
        _check_ours(db, path)
        if not schema_version(db):
            # Where the power went while the file was made, that check has undone the beginning. But SQLite
            # keeps the vacuum settings that it read out of the torn header before, and would give them to
            # the new file. A connection that finds the file empty has none.
            db.close()
            db = connected()
        _set_up(db, WRITER_CACHE_KIB)
        # FULL syncs the WAL at every commit: NORMAL lost acked messages in simulated power cuts. Checkpoints
        # are called for by name, because the automatic ones hide their errors (G7).
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        _make_durable(db, path)
        migrate(db)
        if path.stat().st_size <= QUICK_CHECK_BYTES_MAX:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise StoreBroken(f"{path} is damaged: {found}; restore a backup")
    except sqlite3.DatabaseError as error:
        db.close()
        if is_full(error):
            raise FolderFull(f"the disk of {path.parent} is full; make room and start again") from None
        raise StoreBroken(f"{path} cannot be opened: {error}") from error
    except BaseException:
        db.close()
        raise
    return db


def _make_durable(db: sqlite3.Connection, path: Path) -> None:
    """Sync what is in the WAL before anybody acts on it.

    A process that was killed before its sync, or whose sync failed, leaves commits there that only the
    kernel's memory has. A sync alone would not write those again whose sync failed; a checkpoint does.
    """
    wal = path.with_name(f"{path.name}-wal")
    if not wal.exists() or not wal.stat().st_size:
        return
    db.execute("PRAGMA busy_timeout = 0")  # who reads beside us need not be waited for
    try:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        # The shorter WAL is synced with the next commit. So is what a reader kept from being copied.
        if schema_version(db):
            db.execute("UPDATE meta SET value = value WHERE key = 'epoch'")
    except sqlite3.Error as error:
        if not is_full(error):
            raise  # else: no room for pages, but before these the WAL was synced
    finally:
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def open_reader(path: Path, connect: Connect = sqlite3.connect) -> sqlite3.Connection:
    """A connection that can only read. `open_writer` has been there before.

    It may not be opened read-only: a reader of a WAL needs the shared index beside it.
    """
    db = connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    _set_up(db, READER_CACHE_KIB)
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("PRAGMA query_only = ON")
    return db


def open_outside(path: Path, connect: Connect = sqlite3.connect) -> sqlite3.Connection:
    """A reader for those who do not hold the data directory's lock, also beside a running server.

    Opened read-only: an ordinary connection checkpoints when it is the last one to close, and only the
    server may write (a second writer is what SQLite's WAL-reset bug needs).
    """
    db = connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return db


def schema_version(db: sqlite3.Connection) -> int:
    """The version the file has; 0: none yet."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(db: sqlite3.Connection, target: int = len(MIGRATIONS)) -> None:
    """Bring the schema to version `target`, a transaction a step: a crash leaves one version whole."""
    for version in range(schema_version(db), target):
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in MIGRATIONS[version]:
                db.execute(statement)
            if version == 0:
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute("INSERT INTO meta VALUES ('epoch', ?)", (new_epoch(),))
            db.execute(f"PRAGMA user_version = {version + 1}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def read_epoch(db: sqlite3.Connection) -> int:
    """The epoch the file carries."""
    (epoch,) = db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    return int(epoch)


def check_application(db: sqlite3.Connection, path: Path, *, may_be_new: bool) -> None:
    """The file is ours and not too new.

    Raises:
        FolderForeign, SchemaNewer: see their texts.
        StoreBroken: the schema is damaged.
    """
    try:
        (application_id,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_NOTADB:
            raise
        raise FolderForeign(
            f"{path} is not a database; move it away or choose another data directory"
        ) from None
    except UnicodeDecodeError:
        # SQLite tells a name of the damaged schema as it is, and the module would decode it.
        raise StoreBroken(f"{path} is damaged: its schema is not readable; restore a backup") from None
    if not (application_id or tables or may_be_new):
        raise FolderForeign(f"{path} is an empty database; restore a backup or choose another data directory")
    if application_id != APPLICATION_ID and (application_id or tables):
        raise FolderForeign(f"{path} belongs to another program; choose another data directory")
    version = schema_version(db)
    if version > len(MIGRATIONS):
        raise SchemaNewer(path, version, len(MIGRATIONS))


def _check_ours(db: sqlite3.Connection, path: Path) -> None:
    check_application(db, path, may_be_new=True)


def _set_up(db: sqlite3.Connection, cache_kib: int) -> None:
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    set_cache(db, cache_kib)
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA cell_size_check = ON")


def set_cache(db: sqlite3.Connection, kib: int) -> None:
    """Keep that much of the file in memory from now on."""
    db.execute(f"PRAGMA cache_size = -{kib}")  # the negative number means KiB
