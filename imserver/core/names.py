"""User names to ids, remembered: names never change their id."""

from collections.abc import Sequence

from imserver.storage.store import Store


class UserNames:
    """A bounded memory of (app, name) -> user id over the store."""

    def __init__(self, store: Store, cached_max: int) -> None:
        self._store = store
        self._cached_max = cached_max
        self._ids: dict[tuple[int, str], int] = {}

    def known(self, app: int, name: str) -> int | None:
        """The user's id if it is remembered."""
        return self._ids.get((app, name))

    async def ensure(self, app: int, names: Sequence[str]) -> dict[str, int]:
        """The ids of these users; those that never came are made."""
        return await self._resolve(app, names, create=True)

    async def find(self, app: int, names: Sequence[str]) -> dict[str, int]:
        """The ids of those of these users that exist."""
        return await self._resolve(app, names, create=False)

    async def _resolve(self, app: int, names: Sequence[str], *, create: bool) -> dict[str, int]:
        known = {name: self._ids[app, name] for name in names if (app, name) in self._ids}
        missing = [name for name in names if name not in known]
        if missing:
            found = await (self._store.ensure_users if create else self._store.user_ids)(app, missing)
            if len(self._ids) + len(found) > self._cached_max:
                self._ids.clear()
            self._ids.update({(app, name): id for name, id in found.items()})
            known.update(found)
        return known
