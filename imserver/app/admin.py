"""What an administrator can do to apps, keys and users.

The same through the control socket and without a server.
"""

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from improtocol.limits import INT_MAX
from imserver.app.choosing import DEFAULT_APP, choose_app
from imserver.app.errors import AdminError
from imserver.app.user_admin import UserAdmin
from imserver.core import Clock, Core
from imserver.core.tokens import ALGORITHMS, load_key
from imserver.storage.store import App, AppKey, Store, StoreFull

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
#: JSON values, as they go over the control socket.
Fields: TypeAlias = dict[str, Any]


class Admin:
    """Apps and their keys; users are `UserAdmin`'s.

    Args:
        store: where they are.
        core: who shuts users out.
        clock: wall time, for people.
        media_quota_bytes: of a new app, unless said otherwise.
        changed: awaited after every change, before it is reported.
    """

    def __init__(
        self,
        store: Store,
        core: Core,
        *,
        clock: Clock,
        media_quota_bytes: int,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._media_quota_bytes = media_quota_bytes
        self._changed = changed
        self._users = UserAdmin(store, core)

    async def handle(self, request: Fields) -> Fields:
        """Carry out `{"do": name, …}`.

        Raises:
            AdminError: it cannot be done; nothing has changed.
        """
        actions: dict[str, Callable[[Fields], Awaitable[Fields]]] = {
            "app_create": self._app_create,
            "app_list": self._app_list,
            "key_add": self._key_add,
            "key_revoke": self._key_revoke,
            **self._users.actions,
        }
        action = actions.get(str(request.get("do")))
        if action is None:
            raise AdminError(
                "this server does not know that request; use the server's own version of imserver"
            )
        try:
            return await action(request)
        except StoreFull:
            raise AdminError("the disk is full; nothing was changed") from None

    async def ensure_default_app(self) -> bool:
        """Make an app with a key if there is none at all; returns whether it did."""
        if await self._store.apps():
            return False
        await self.handle({"do": "app_create", "name": DEFAULT_APP})
        return True

    async def _app_create(self, request: Fields) -> Fields:
        name, quota = str(request["name"]), request.get("media_quota_bytes")
        if not _NAME.fullmatch(name):
            raise AdminError(
                f"{name!r} cannot be an app's name: 1 to 64 letters, digits, dots, dashes or underscores, "
                f"beginning with a letter or digit"
            )
        if quota is None:
            quota = self._media_quota_bytes
        if type(quota) is not int or not 0 < quota <= INT_MAX:
            raise AdminError(f"media_quota_bytes must be a number from 1 to {INT_MAX}, not {quota!r:.40}")
        try:
            app = await self._store.put_app(name, now_ms=self._clock.now_ms(), media_bytes_max=quota)
        except ValueError as error:
            raise AdminError(str(error)) from None
        return await self._put_key(app, "1", "HS256", None)

    async def _app_list(self, _request: Fields) -> Fields:
        keys = await self._store.keys()
        return {
            "apps": [
                {
                    "name": app.name,
                    "created_ms": app.created_ms,
                    "media_quota_bytes": app.media_bytes_max,
                    "media_bytes": await self._store.app_bytes(app.id),
                    "keys": [
                        {
                            "kid": key.kid,
                            "algorithm": key.algorithm,
                            "created_ms": key.created_ms,
                            "revoked_ms": key.revoked_ms,
                        }
                        for key in keys
                        if key.app == app.id
                    ],
                }
                for app in await self._store.apps()
            ]
        }

    async def _key_add(self, request: Fields) -> Fields:
        app = await self._app(request)
        kids = {key.kid for key in await self._store.keys() if key.app == app.id}
        kid = request.get("kid") or next(str(n) for n in range(1, len(kids) + 2) if str(n) not in kids)
        if not _NAME.fullmatch(kid):
            raise AdminError(f"{kid!r} cannot be a key's id: it has the same rules as an app's name")
        if kid in kids:
            raise AdminError(f"app {app.name!r} has a key {kid!r} already; a new one needs another --kid")
        return await self._put_key(app, kid, str(request["algorithm"]), request.get("public_key"))

    async def _key_revoke(self, request: Fields) -> Fields:
        app, kid = await self._app(request), str(request["kid"])
        keys = [key for key in await self._store.keys() if key.app == app.id]
        for key in keys:
            if key.kid == kid:
                if not key.revoked_ms:
                    await self._store.put_key(
                        AppKey(
                            app=app.id,
                            kid=kid,
                            algorithm=key.algorithm,
                            key=key.key,
                            created_ms=key.created_ms,
                            revoked_ms=self._clock.now_ms(),
                        )
                    )
                    await self._changed()
                left = sum(not other.revoked_ms for other in keys if other.kid != kid)
                return {"app": app.name, "kid": kid, "keys_left": left}
        raise AdminError(f"app {app.name!r} has no key {kid!r}")

    async def _app(self, request: Fields) -> App:
        name = str(request["app"])
        return choose_app(await self._store.apps(), name)

    async def _put_key(self, app: App, kid: str, algorithm: str, public_key: str | None) -> Fields:
        """Store a key; an HS256 secret is drawn here and returned, to be shown once."""
        secret = None
        if algorithm not in ALGORITHMS:
            raise AdminError(f"{algorithm!r} is no algorithm for a key; use one of {', '.join(ALGORITHMS)}")
        if algorithm == "HS256":
            if public_key is not None:
                raise AdminError("an HS256 key is a secret drawn here; --public-key goes with EdDSA or ES256")
            # Text, so that every JWT library of a merchant's backend takes it as it is; 256 random bits.
            secret = secrets.token_urlsafe(32)
        elif public_key is None:
            raise AdminError(f"a key for {algorithm} needs --public-key FILE (PEM)")
        material = (secret or public_key or "").encode()
        try:
            load_key(algorithm, material)
        except ValueError as error:
            raise AdminError(str(error)) from None
        key = AppKey(app=app.id, kid=kid, algorithm=algorithm, key=material, created_ms=self._clock.now_ms())
        await self._store.put_key(key)
        await self._changed()
        return {"app": app.name, "kid": kid, "algorithm": algorithm, "secret": secret}
