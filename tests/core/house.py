"""A core over a store, with two tenants, in virtual time."""

import time

import trio
import trio.testing

from improtocol import commands as c
from imserver.core import Core, CoreLimits, TokenVerifier, sign_token
from imserver.storage.store import AppKey
from tests.core.links import FakeLink
from tests.core.phones import Phone, post, text_of
from tests.core.stores import SlowStore

__all__ = ["NOW_MS", "FakeClock", "FakeLink", "House", "Phone", "SlowStore", "pair", "post", "text_of"]

KEY = b"k" * 32
NOW_MS = 1_800_000_000_000


class FakeClock:
    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms


class House:
    """A core over a store, with two tenants."""

    def __init__(self, store: SlowStore | None = None, limits: CoreLimits | None = None) -> None:
        self.store = store or SlowStore(epoch=77)
        self.clock = FakeClock()
        self.limits = limits or CoreLimits()
        self.nursery: trio.Nursery | None = None
        self._scope = trio.CancelScope()
        self._new_core()

    def _new_core(self) -> None:
        self.core = Core(self.store, TokenVerifier(), clock=self.clock, limits=self.limits)

    async def open(self, nursery: trio.Nursery) -> "House":
        self.nursery = nursery
        for name in ("shop", "rival"):
            app = await self.store.put_app(name, now_ms=1, media_bytes_max=10**9)
            await self.store.put_key(
                AppKey(app=app.id, kid="1", algorithm="HS256", key=KEY + name.encode(), created_ms=1)
            )
        await nursery.start(self._run)
        return self

    async def _run(self, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.CancelScope() as self._scope:
            await self.core.run(task_status=task_status)

    async def stop(self) -> None:
        """The core's tasks end."""
        self._scope.cancel()
        await trio.testing.wait_all_tasks_blocked()

    async def restart(self, limits: CoreLimits | None = None) -> None:
        """The server goes, and another one begins over the same store. All connections are gone."""
        assert self.nursery is not None
        await self.stop()
        self.limits = limits or self.limits
        self._new_core()
        await self.nursery.start(self._run)

    def token(self, user: str, app: str = "shop", lifetime_s: int = 3600, now_s: int | None = None) -> str:
        # PyJWT looks at the machine's clock, which the core's own is not.
        key = KEY + app.encode()
        now_s = now_s if now_s is not None else int(time.time())
        return sign_token(
            app=app, user=user, kid="1", algorithm="HS256", key=key, now_s=now_s, lifetime_s=lifetime_s
        )

    def phone(self, user: str, device: str = "phone", app: str = "shop") -> Phone:
        return Phone(self, user, device, app)

    async def group(self, owner: Phone, *members: str, id: int = 4711) -> int:
        result = await owner.one(c.Create(conversation=id, title="group", members=members))
        assert result.code == 0, result
        return id


async def pair(house: House) -> tuple[Phone, Phone]:
    """Alice has written to bob, and he has it."""
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    await alice.one(post("bob", "first"))
    await bob.settle()
    return alice, bob
