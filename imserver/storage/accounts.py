"""Apps, keys, users, devices and media entries as SQL, each inside a transaction of the caller's."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from imserver.storage.blobs import Blob
from imserver.storage.model import App, AppKey, Device, Login
from imserver.storage.outcomes import unpack_outcomes

_DEVICE: Final = (
    "SELECT d.id, u.app, d.user, u.name, d.name, d.session, d.secret_hash, d.expires_ms, d.accepted, d.acked,"
    " d.outcomes FROM device d JOIN user u ON u.id = d.user"
)


# Apps and keys ------------------------------------------------------------------------------------------


def put_app(db: sqlite3.Connection, name: str, *, now_ms: int, media_bytes_max: int) -> App:
    """See `Store.put_app`."""
    if db.execute("SELECT 1 FROM app WHERE name = ?", (name,)).fetchone() is not None:
        raise ValueError(f"there is an app {name!r} already")
    (id_,) = db.execute(
        "INSERT INTO app (name, created_ms, media_bytes_max) VALUES (?, ?, ?) RETURNING id",
        (name, now_ms, media_bytes_max),
    ).fetchall()[0]
    return App(id=id_, name=name, created_ms=now_ms, media_bytes_max=media_bytes_max)


def apps(db: sqlite3.Connection) -> list[App]:
    """See `Store.apps`."""
    rows = db.execute("SELECT id, name, created_ms, media_bytes_max FROM app ORDER BY id")
    return [App(id=i, name=name, created_ms=at, media_bytes_max=most) for i, name, at, most in rows]


def put_key(db: sqlite3.Connection, key: AppKey) -> None:
    """See `Store.put_key`."""
    db.execute(
        "INSERT OR REPLACE INTO app_key VALUES (?, ?, ?, ?, ?, ?)",
        (key.app, key.kid, key.algorithm, key.key, key.created_ms, key.revoked_ms),
    )


def keys(db: sqlite3.Connection) -> list[AppKey]:
    """See `Store.keys`."""
    rows = db.execute(
        "SELECT app, kid, algorithm, key, created_ms, revoked_ms FROM app_key ORDER BY app, kid"
    )
    return [
        AppKey(app=app, kid=kid, algorithm=algorithm, key=key, created_ms=created_ms, revoked_ms=revoked_ms)
        for app, kid, algorithm, key, created_ms, revoked_ms in rows
    ]


# Users and devices --------------------------------------------------------------------------------------


def ensure_users(db: sqlite3.Connection, app: int, names: Sequence[str]) -> dict[str, int]:
    """See `Store.ensure_users`."""
    db.executemany(
        "INSERT INTO user (app, name) VALUES (?, ?) ON CONFLICT DO NOTHING", [(app, name) for name in names]
    )
    return user_ids(db, app, names)


def user_ids(db: sqlite3.Connection, app: int, names: Sequence[str]) -> dict[str, int]:
    """See `Store.user_ids`."""
    ids = {}
    for name in names:
        row = db.execute("SELECT id FROM user WHERE app = ? AND name = ?", (app, name)).fetchone()
        if row is not None:
            ids[name] = row[0]
    return ids


def log_in(db: sqlite3.Connection, login: Login) -> Device:
    """See `Store.log_in`."""
    user_id = ensure_users(db, login.app, [login.user])[login.user]
    db.execute(
        "INSERT INTO device (user, name, session, secret_hash, expires_ms, seen_ms) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET session = excluded.session, secret_hash = excluded.secret_hash,"
        " expires_ms = excluded.expires_ms, seen_ms = max(seen_ms, excluded.seen_ms)",
        (user_id, login.device, login.session, login.secret_hash, login.expires_ms, login.now_ms),
    )
    return _device(
        db.execute(f"{_DEVICE} WHERE d.user = ? AND d.name = ?", (user_id, login.device)).fetchone()
    )


def extend_sessions(db: sqlite3.Connection, expires_ms: Mapping[int, int]) -> None:
    """See `Store.extend_sessions`."""
    db.executemany(
        "UPDATE device SET expires_ms = ?2 WHERE id = ?1 AND session > 0", list(expires_ms.items())
    )


def end_sessions(db: sqlite3.Connection, app: int, user: str) -> list[int]:
    """See `Store.end_sessions`."""
    found = db.execute(
        "SELECT d.id FROM device d JOIN user u ON u.id = d.user"
        " WHERE u.app = ? AND u.name = ? AND d.session > 0 ORDER BY d.id",
        (app, user),
    ).fetchall()
    db.executemany("UPDATE device SET session = 0, secret_hash = x'', expires_ms = 0 WHERE id = ?", found)
    return [id_ for (id_,) in found]


def set_banned(db: sqlite3.Connection, app: int, user: str, *, banned: bool) -> None:
    """See `Store.set_banned`."""
    if banned:
        id_ = ensure_users(db, app, [user])[user]
        db.execute("INSERT INTO ban VALUES (?) ON CONFLICT DO NOTHING", (id_,))
    else:
        db.execute(
            "DELETE FROM ban WHERE user = (SELECT id FROM user WHERE app = ? AND name = ?)", (app, user)
        )


def banned_users(db: sqlite3.Connection) -> set[tuple[int, str]]:
    """See `Store.banned_users`."""
    return set(db.execute("SELECT u.app, u.name FROM ban b JOIN user u ON u.id = b.user"))


def devices(db: sqlite3.Connection, sessions: Iterable[int]) -> dict[int, Device]:
    """See `Store.devices`."""
    found = {}
    for session in sessions:
        row = db.execute(f"{_DEVICE} WHERE d.session = ? AND d.session > 0", (session,)).fetchone()
        if row is not None:
            found[session] = _device(row)
    return found


def device_sessions(db: sqlite3.Connection, user: int) -> list[Device]:
    """See `Store.device_sessions`."""
    return [
        _device((*row[:-1], b"")) for row in db.execute(f"{_DEVICE} WHERE d.user = ? ORDER BY d.id", (user,))
    ]


def last_seen_ms(db: sqlite3.Connection, users: Iterable[int]) -> dict[int, int]:
    """See `Store.last_seen_ms`."""
    seen = {}
    for user in users:
        (at_ms,) = db.execute("SELECT max(seen_ms) FROM device WHERE user = ?", (user,)).fetchone()
        if at_ms is not None:
            seen[user] = at_ms
    return seen


def _device(row: tuple[Any, ...]) -> Device:
    id_, app, user, user_name, name, session, secret_hash, expires_ms, accepted, acked, ring = row
    return Device(
        id=id_,
        app=app,
        user=user,
        user_name=user_name,
        name=name,
        session=session,
        secret_hash=secret_hash,
        expires_ms=expires_ms,
        accepted=accepted,
        acked=acked,
        outcomes=unpack_outcomes(accepted, ring),
    )


# Media --------------------------------------------------------------------------------------------------


def put_blob(db: sqlite3.Connection, app: int, blob: Blob) -> None:
    """See `MediaIndex.put_blob`."""
    db.execute(
        "INSERT INTO blob VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            app,
            blob.sha256,
            blob.size_bytes,
            blob.mime,
            blob.width,
            blob.height,
            blob.duration_ms,
            blob.thumbnail,
            blob.created_ms,
        ),
    )


def get_blob(db: sqlite3.Connection, app: int, sha256: bytes) -> Blob | None:
    """See `MediaIndex.blob`."""
    row = db.execute(
        "SELECT size_bytes, mime, width, height, duration_ms, thumbnail, created_ms FROM blob"
        " WHERE app = ? AND sha256 = ?",
        (app, sha256),
    ).fetchone()
    if row is None:
        return None
    size_bytes, mime, width, height, duration_ms, thumbnail, created_ms = row
    return Blob(
        sha256=sha256,
        size_bytes=size_bytes,
        mime=mime,
        width=width,
        height=height,
        duration_ms=duration_ms,
        thumbnail=thumbnail,
        created_ms=created_ms,
    )


def app_bytes(db: sqlite3.Connection, app: int) -> int:
    """See `MediaIndex.app_bytes`."""
    (total,) = db.execute("SELECT coalesce(sum(size_bytes), 0) FROM blob WHERE app = ?", (app,)).fetchone()
    return int(total)


def note_upload(db: sqlite3.Connection, user: int, media: Sequence[bytes]) -> None:
    """See `MediaIndex.note_upload`."""
    db.executemany(
        "INSERT INTO upload VALUES (?, ?) ON CONFLICT DO NOTHING", [(user, sha256) for sha256 in media]
    )


def visible_media(db: sqlite3.Connection, user: int, media: Sequence[bytes]) -> set[bytes]:
    """See `MediaIndex.visible_media`."""
    return {
        sha256
        for sha256 in media
        if db.execute(
            "SELECT 1 FROM upload WHERE user = ?1 AND sha256 = ?2 UNION ALL SELECT 1 FROM media s"
            " JOIN member m ON m.conversation = s.conversation AND m.user = ?1"
            " WHERE s.sha256 = ?2 AND s.seq >= m.first LIMIT 1",
            (user, sha256),
        ).fetchone()
    }


def record_shows(db: sqlite3.Connection, conversation: int, seq: int, media: bytes) -> bool:
    """See `MediaIndex.record_shows`."""
    row = db.execute(
        "SELECT 1 FROM media WHERE conversation = ? AND seq = ? AND sha256 = ?", (conversation, seq, media)
    ).fetchone()
    return row is not None
