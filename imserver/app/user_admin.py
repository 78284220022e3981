"""What an administrator can do to users: see their devices, end their sessions, ban them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from improtocol import limits
from improtocol.checks import check_name
from imserver.app.choosing import choose_app
from imserver.app.errors import AdminError
from imserver.core import Core
from imserver.storage.store import App, Store

Fields: TypeAlias = dict[str, Any]


class UserAdmin:
    """Requests about one user each: `{"do": "user_ban", "app": name or null, "user": name}`.

    Args:
        store: where users are.
        core: shuts them out.
    """

    def __init__(self, store: Store, core: Core) -> None:
        self._store = store
        self._core = core
        #: By the name of the request.
        self.actions: Mapping[str, Callable[[Fields], Awaitable[Fields]]] = {
            "user_sessions": self._sessions,
            "user_logout": self._logout,
            "user_ban": self._ban,
            "user_unban": self._unban,
        }

    async def _sessions(self, request: Fields) -> Fields:
        app, user = await self._known(request)
        id = (await self._store.user_ids(app.id, (user,)))[user]
        attached = self._core.attached_devices(app.id, user)
        return {
            "app": app.name,
            "user": user,
            "banned": await self._is_banned(app, user),
            "devices": [
                {
                    "name": device.name,
                    "expires_ms": device.expires_ms if device.session else 0,
                    "connected": device.id in attached,
                }
                for device in await self._store.device_sessions(id)
            ],
        }

    async def _logout(self, request: Fields) -> Fields:
        app, user = await self._known(request)
        return {"app": app.name, "user": user, "ended": await self._core.end_sessions(app.id, user)}

    async def _ban(self, request: Fields) -> Fields:
        app, user = await self._named(request)
        known = user in await self._store.user_ids(app.id, (user,))
        await self._core.ban(app.id, user)
        return {"app": app.name, "user": user, "known": known}

    async def _unban(self, request: Fields) -> Fields:
        app, user = await self._known(request)
        was_banned = await self._is_banned(app, user)
        await self._core.unban(app.id, user)
        return {"app": app.name, "user": user, "was_banned": was_banned}

    # Finding ---------------------------------------------------------------------------------------

    async def _is_banned(self, app: App, user: str) -> bool:
        return (app.id, user) in await self._store.banned_users()

    async def _named(self, request: Fields) -> tuple[App, str]:
        name, user = request.get("app"), request["user"]
        app = choose_app(await self._store.apps(), None if name is None else str(name))
        try:
            check_name("the user's id", user, limits.USER_BYTES_MAX)
        except ValueError as error:
            raise AdminError(str(error)) from None
        return app, user

    async def _known(self, request: Fields) -> tuple[App, str]:
        app, user = await self._named(request)
        if user not in await self._store.user_ids(app.id, (user,)):
            raise AdminError(f"app {app.name!r} has no user {user!r}: none has logged in or been written to")
        return app, user
