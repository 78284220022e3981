"""The real core, pump and store in this process, and clients that speak to them, all in lock-step.

A turn of the server is: the pump looks at its sockets once, and everything that follows from it is done. No
thread, no kernel, no clock: so what is counted in a turn is the same in every run.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any, cast

import trio
import trio.testing

from benchmarks.clients import Client
from improtocol import frames
from imserver.core import Core, CoreLimits, TokenVerifier
from imserver.gateway import GatewayLimits
from imserver.gateway import pump as gateway
from imserver.storage.store import AppKey, Store
from tests.guards.counting import Calls
from tests.guards.websocket import WebSocketHalf
from tests.guards.wire import Door, Half, Poller
from tests.shop import shop_token

KEY = b"k" * 32
NOW_MS = 1_800_000_000_000
#: The generators do not stop for admission control.
_LIMITS = CoreLimits(connects_per_s=1e6, connects_burst=1e6, resumes_per_s=1e6, resumes_burst=1e6)


class StandingClock:
    """It is always the same moment."""

    def now_ms(self) -> int:
        return NOW_MS


class GuardHouse:
    """See the module."""

    def __init__(self, store: Store, *, websocket: bool = False) -> None:
        self._websocket = websocket
        self.store = store
        #: What the server asked of its sockets and its poller: a system call each.
        self.asked: Counter[str] = Counter()
        self.door = Door(self.asked)
        self.poller = Poller(self.asked)
        rng = random.Random(7)
        self.core = Core(
            store,
            TokenVerifier(),
            clock=StandingClock(),
            limits=_LIMITS,
            draw_id=lambda: rng.randint(1, 2**53 - 1),
            draw_secret=rng.randbytes,
        )
        self.pump = gateway.Pump(self.core, GatewayLimits(), poller=self.poller, ready=self.poller.ready)
        self.pump.open_door(gateway.Door(cast(Any, self.door), None, websocket=websocket))

    async def turn(self, calls: Calls | None = None) -> None:
        """Let the server do all there is to do; its calls are counted in `calls`."""
        self.poller.go()
        with calls or nullcontext():
            await trio.testing.wait_all_tasks_blocked()

    async def settle(self, calls: Calls | None = None) -> None:
        """Have the store's tables follow its journal, as they must before some reads."""
        with calls or nullcontext():
            await self.store.devices([])

    def token(self, user: str) -> str:
        return shop_token(user, KEY)

    # Clients ---------------------------------------------------------------------------------------

    def dial(self, user: str) -> Client:
        """A client on a new connection."""
        half = Half()
        self.door.dial(half)
        return Client(cast(Any, half), user)

    async def dial_websockets(self, users: Iterable[str]) -> list[Client]:
        """Clients on new connections that are WebSockets already."""
        halves = {user: WebSocketHalf() for user in users}
        for half in halves.values():
            self.door.dial(half)
            half.begin()
        await self.turn()
        for half in halves.values():
            half.begun()
        return [Client(cast(Any, half), user) for user, half in halves.items()]

    async def log_in(self, users: Iterable[str]) -> list[Client]:
        """Clients with a session each."""
        if self._websocket:
            clients = await self.dial_websockets(users)
        else:
            clients = [self.dial(user) for user in users]
        for client in clients:
            client.queue(frames.Connect(token=self.token(client.user), device="phone"))
            client.flush()
        await self.turn()
        self.read(clients)
        assert all(client.session for client in clients)
        return clients

    async def pairs(self, count: int) -> tuple[list[Client], list[Client]]:
        """Senders and their receivers."""
        senders = await self.log_in(f"sender{n}" for n in range(count))
        receivers = await self.log_in(f"receiver{n}" for n in range(count))
        for sender, receiver in zip(senders, receivers, strict=True):
            sender.peer = receiver.user
        return senders, receivers

    async def post(
        self,
        senders: Sequence[Client],
        receivers: Sequence[Client],
        *,
        each: int,
        calls: Calls | None = None,
    ) -> None:
        """Each sender posts `each` messages, which come in at once; whoever hears something reads it."""
        for sender in senders:
            for _ in range(each):
                sender.post()
            sender.flush()
        await self.turn(calls)
        self.read((*senders, *receivers))

    async def resume(self, clients: Iterable[Client], calls: Calls | None = None) -> list[Client]:
        """The same devices on new connections, with what they had."""
        resumed = []
        for old in clients:
            client = self.dial(old.user)
            client.take_over(old)
            client.flush()
            resumed.append(client)
        await self.turn(calls)
        self.read(resumed)
        return resumed

    async def hang_up(self, clients: Iterable[Client], calls: Calls | None = None) -> None:
        for client in clients:
            client.close()
        await self.turn(calls)

    @staticmethod
    def read(clients: Iterable[Client]) -> None:
        """Read what has come, and acknowledge where it is time."""
        for client in clients:
            while cast(Any, client.socket).inbox:
                client.readable()
            client.flush()


@asynccontextmanager
async def guard_house(store: Store, *, websocket: bool = False) -> AsyncIterator[GuardHouse]:
    """A house over `store`, which gets its app and key if it has none."""
    if not await store.apps():
        app = await store.put_app("shop", now_ms=1, media_bytes_max=10**9)
        await store.put_key(AppKey(app=app.id, kid="1", algorithm="HS256", key=KEY, created_ms=1))
    house = GuardHouse(store, websocket=websocket)
    async with trio.open_nursery() as nursery:
        await nursery.start(house.core.run)
        nursery.start_soon(house.pump.run)
        await trio.testing.wait_all_tasks_blocked()
        yield house
        nursery.cancel_scope.cancel()
