"""Administration from outside: through the running server if there is one, else on its directory."""

import base64
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import trio
import trio_asyncio

from imserver.app import control
from imserver.app.admin import Admin, Fields
from imserver.app.backends import open_store
from imserver.app.choosing import choose_app
from imserver.app.errors import AdminError
from imserver.app.failstop import root_cause
from imserver.core import Core, SystemClock, TokenRefused, TokenVerifier, sign_token
from imserver.storage import accounts, folder
from imserver.storage.schema import check_application, open_outside
from imserver.storage.store import App, AppKey

_DAY_S: Final = 24 * 3600


def administer(data_dir: Path, request: Fields, *, media_quota_bytes: int) -> Fields:
    """Carry out an `Admin` request. Blocks.

    Raises:
        AdminError: refused; nothing has changed.
        FolderError, CannotServe: there is no such data directory, or it cannot be used.
    """
    folder.require(data_dir)
    answer = control.ask(data_dir, request)
    if answer is not None:
        return answer

    async def offline() -> Fields:
        async with trio_asyncio.open_loop(), open_store(data_dir) as store:
            admin = Admin(
                store,
                # It does not run: nobody is connected, so only the store changes.
                Core(store, TokenVerifier()),
                clock=SystemClock(),
                media_quota_bytes=media_quota_bytes,
                changed=trio.lowlevel.checkpoint,
            )
            return await admin.handle(request)

    try:
        return trio.run(offline)
    except BaseExceptionGroup as group:
        raise root_cause(group) from None


def make_token(data_dir: Path, *, user: str, app: str | None, days: float) -> str:
    """A token for a user, signed with the app's newest HS256 key. Only reads, also while a server runs.

    Args:
        data_dir: the server's.
        user: the user's id.
        app: the app's name; None: "default", or the only one there is.
        days: how long it is good.

    Raises:
        AdminError: no such app, no key of that kind, or a user id that cannot be one.
        FolderError: there is no such data directory.
    """
    apps, keys = _apps_and_keys(data_dir)
    found = choose_app(apps, app)
    usable = [key for key in keys if key.app == found.id and key.algorithm == "HS256" and not key.revoked_ms]
    if not usable:
        raise AdminError(
            f"app {found.name!r} has no HS256 key, so only its own backend can sign tokens; "
            f"add one with: imserver app key {found.name}"
        )
    key = max(usable, key=lambda key: (key.created_ms, key.kid))
    token = sign_token(
        app=found.name,
        user=user,
        kid=key.kid,
        algorithm=key.algorithm,
        key=key.key,
        now_s=int(time.time()),
        lifetime_s=int(days * _DAY_S),
    )
    try:
        _verifier(apps, keys).verify(token)  # refuses user ids that the server would refuse
    except TokenRefused as refused:
        raise AdminError(f"no token for that user: {refused.reason}") from None
    return token


def check_token(data_dir: Path, token: str) -> Fields:
    """What the server would make of a token: `{"app", "user", "expires_s"}`.

    Raises:
        AdminError: it would refuse it; the text says why, as far as whoever has the data directory may know.
        FolderError: there is no such data directory.
    """
    apps, keys = _apps_and_keys(data_dir)
    try:
        identity = _verifier(apps, keys).verify(token)
    except TokenRefused as refused:
        raise AdminError(f"{refused.reason}") from None
    # Verified a line above.
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {"app": identity.app.name, "user": identity.user, "expires_s": int(claims["exp"])}


def key_secret(data_dir: Path, *, app: str, kid: str | None) -> str:
    """The secret of an app's HS256 key (the newest if `kid` is None), for its backend.

    Raises:
        AdminError: there is none.
        FolderError: there is no such data directory.
    """
    apps, keys = _apps_and_keys(data_dir)
    found = choose_app(apps, app)
    usable = [
        key
        for key in keys
        if key.app == found.id
        and key.algorithm == "HS256"
        and (kid == key.kid if kid else not key.revoked_ms)
    ]
    if not usable:
        raise AdminError(f"app {found.name!r} has no HS256 key{f' {kid!r}' if kid else ''}")
    return max(usable, key=lambda key: (key.created_ms, key.kid)).key.decode()


def _verifier(apps: list[App], keys: list[AppKey]) -> TokenVerifier:
    verifier = TokenVerifier()
    verifier.replace(apps, keys)
    return verifier


def _apps_and_keys(data_dir: Path) -> tuple[list[App], list[AppKey]]:
    """Read them without the lock. Read-only, so that closing never checkpoints: only the server may write."""
    path = folder.require(data_dir)
    try:
        with closing(open_outside(path)) as db:
            check_application(db, path, may_be_new=False)
            return accounts.apps(db), accounts.keys(db)
    except sqlite3.Error as error:
        raise AdminError(f"cannot read {path}: {error}") from None
