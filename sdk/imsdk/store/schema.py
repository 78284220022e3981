"""The local store's tables, and the way from each version to the next.

`PRAGMA user_version` holds the version. A step is never edited once released; a change is a new step.
"""

import sqlite3
from typing import Final

from imsdk.errors import StorageNewer

_VERSION_1: Final = """
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    device TEXT NOT NULL, user TEXT NOT NULL DEFAULT '', session INTEGER NOT NULL DEFAULT 0,
    secret BLOB NOT NULL DEFAULT x'', epoch INTEGER NOT NULL DEFAULT 0, cursor INTEGER NOT NULL DEFAULT 0,
    acked INTEGER NOT NULL DEFAULT 0, assigned INTEGER NOT NULL DEFAULT 0,
    position INTEGER NOT NULL DEFAULT 0, -- last feed position given out
    done INTEGER NOT NULL DEFAULT 0, heartbeat TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE chat (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id INTEGER UNIQUE, -- NULL until the server has made it
    type INTEGER NOT NULL, title TEXT NOT NULL DEFAULT '', peer TEXT NOT NULL DEFAULT '',
    role INTEGER NOT NULL DEFAULT 0, present INTEGER NOT NULL DEFAULT 1,
    stale INTEGER NOT NULL DEFAULT 0,    -- 1: title and members have to be asked for
    head INTEGER NOT NULL DEFAULT 0, first INTEGER NOT NULL DEFAULT 1,
    released INTEGER NOT NULL DEFAULT 0, -- the feed has everything up to here
    read INTEGER NOT NULL DEFAULT 0, unread INTEGER NOT NULL DEFAULT 0,
    base INTEGER NOT NULL DEFAULT 0,     -- `unread` was the server's word up to here
    changed_ms INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX chat_peer ON chat (peer) WHERE type = 1;
CREATE INDEX chat_changed ON chat (changed_ms);
CREATE TABLE message (
    chat INTEGER NOT NULL, seq INTEGER NOT NULL, sender TEXT NOT NULL, at_ms INTEGER NOT NULL,
    body BLOB, -- NULL: a change came before its message
    edit_seq INTEGER NOT NULL DEFAULT 0, edit_ms INTEGER NOT NULL DEFAULT 0, edit_body BLOB,
    recall_seq INTEGER NOT NULL DEFAULT 0, local INTEGER,
    PRIMARY KEY (chat, seq)
);
CREATE INDEX message_local ON message (local) WHERE local IS NOT NULL;
CREATE TABLE reaction (
    chat INTEGER NOT NULL, target INTEGER NOT NULL, user TEXT NOT NULL, emoji TEXT NOT NULL,
    seq INTEGER NOT NULL, active INTEGER NOT NULL, PRIMARY KEY (chat, target, user, emoji)
) WITHOUT ROWID;
CREATE TABLE member (
    chat INTEGER NOT NULL, user TEXT NOT NULL, role INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL DEFAULT
    0, present INTEGER NOT NULL DEFAULT 1, read INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT
    0, PRIMARY KEY (chat, user)
) WITHOUT ROWID;
-- Which sequence numbers are here: disjoint ranges that never touch. What lies between two of them is a hole.
CREATE TABLE span (
    chat INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (chat, first)
) WITHOUT ROWID;
-- What the app sees, in order. A row without a position is held back: something before it is still to come.
CREATE TABLE feed (
    id INTEGER PRIMARY KEY, position INTEGER UNIQUE, chat INTEGER NOT NULL, seq INTEGER NOT NULL,
    kind INTEGER NOT NULL, sender TEXT NOT NULL, at_ms INTEGER NOT NULL, payload BLOB,
    logged INTEGER NOT NULL DEFAULT 1 -- 0: it came ahead of the log, as a result or in a page
);
CREATE UNIQUE INDEX feed_held ON feed (chat, seq) WHERE position IS NULL;
CREATE TABLE outbox (
    local INTEGER PRIMARY KEY AUTOINCREMENT, chat INTEGER NOT NULL, counter INTEGER UNIQUE, action BLOB,
    draft TEXT, progress TEXT NOT NULL DEFAULT '{}', created_ms INTEGER NOT NULL,
    code INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX outbox_unnumbered ON outbox (chat, local) WHERE counter IS NULL AND code = 0;
"""

#: `digest` is the sum over (base, cursor], NULL: not known; entries up to position `repair` come again.
_VERSION_2: Final = """
ALTER TABLE state ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state ADD COLUMN digest INTEGER;
ALTER TABLE state ADD COLUMN repair INTEGER NOT NULL DEFAULT 0;
"""

_VERSION_3: Final = """
-- 1: a snapshot said that one is not in it: what is missing of it, the log has passed
-- 2: so it did after a restore: what is here may differ from what the server has
ALTER TABLE chat ADD COLUMN passed INTEGER NOT NULL DEFAULT 0;
"""

_VERSION_4: Final = """
ALTER TABLE chat ADD COLUMN title_seq INTEGER NOT NULL DEFAULT 0;   -- `title` has every change up to here
ALTER TABLE chat ADD COLUMN members_seq INTEGER NOT NULL DEFAULT 0; -- and the member list up to here
UPDATE chat SET stale = 1 WHERE type = 2; -- a page of history may have put old ones in their place
"""

_VERSION_5: Final = """
ALTER TABLE outbox ADD COLUMN mark INTEGER; -- the own mark before this MARK_READ, NULL when it is none
"""

#: Step n brings a store of version n to n + 1.
STEPS: Final = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)
VERSION: Final = len(STEPS)


def migrate(con: sqlite3.Connection) -> None:
    """Bring the database behind `con` to this version, each step in one transaction.

    Raises:
        StorageNewer: a newer version wrote it; nothing was changed.
    """
    (version,) = con.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StorageNewer(f"the local store has version {version}, this imsdk reads up to {VERSION}")
    for number in range(version, VERSION):
        con.executescript(f"BEGIN IMMEDIATE; {STEPS[number]} PRAGMA user_version = {number + 1}; COMMIT;")
