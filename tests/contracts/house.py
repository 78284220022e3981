"""Shorthand for what core would do: an app with users, their devices, conversations and posts."""

from collections.abc import Sequence
from typing import Any

from improtocol.entries import ConversationType, Kind, Role
from improtocol.values import pack
from imserver.storage.store import (
    Device,
    Login,
    MemberChange,
    NewConversation,
    Placed,
    Store,
    Write,
)

AT_MS = 1_700_000_000_000
ROOM = 4_503_599_627_370_001


async def login(store: Store, **facts: Any) -> Device:
    """One login; `facts` are those of `Login`."""
    (device,) = await store.log_in([Login(**facts)])
    return device


class House:
    """An app with a device "phone" for each user; `post` and the like keep the counters of those devices."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.app = 0
        self.users: dict[str, int] = {}
        self.devices: dict[str, Device] = {}
        self.counters: dict[int, int] = {}

    @classmethod
    async def build(cls, store: Store, *names: str) -> "House":
        house = cls(store)
        app = await store.put_app("shop", now_ms=AT_MS, media_bytes_max=10**9)
        house.app = app.id
        for number, name in enumerate(names or ("alice", "bob"), 1):
            device = await login(
                store,
                app=app.id,
                user=name,
                device="phone",
                session=1000 + number,
                secret_hash=b"hash of " + name.encode(),
                now_ms=AT_MS,
                expires_ms=AT_MS + 1000,
            )
            house.users[name] = device.user
            house.devices[name] = device
        return house

    def ids(self, names: Sequence[str]) -> list[int]:
        return [self.users[name] for name in names]

    def creation(self, *names: str, room: int = ROOM, title: str = "", direct: bool = False) -> Write:
        """The server makes a conversation of these users, the first one its owner."""
        ids = self.ids(names)
        type_ = ConversationType.DIRECT if direct else ConversationType.GROUP
        return Write(
            device=0,
            at_ms=AT_MS,
            author=ids[0],
            author_name=names[0],
            conversation=room,
            create=NewConversation(
                id=room,
                app=self.app,
                type=type_,
                title=title,
                direct_users=(min(ids), max(ids)) if direct else None,
            ),
            kind=Kind.CREATED,
            payload=pack([int(type_), title, [[name, 0] for name in names]]),
            recipients=ids,
            members=[
                MemberChange(user=user, role=Role.MEMBER if number or direct else Role.OWNER)
                for number, user in enumerate(ids)
            ],
        )

    def write(self, author: str, kind: int = Kind.MESSAGE, **fields: Any) -> Write:
        """The next command of the author's phone."""
        device = self.devices[author].id
        self.counters[device] = self.counters.get(device, 0) + 1
        values: dict[str, Any] = {
            "device": device,
            "counter": self.counters[device],
            "digest": 7,
            "at_ms": AT_MS,
            "author": self.users[author],
            "author_name": author,
            "conversation": ROOM,
            "kind": kind,
        }
        return Write(**(values | fields))

    def message(self, author: str, text: str, *to: str, **fields: Any) -> Write:
        return self.write(author, payload=pack(text), recipients=self.ids(to), **fields)

    def change(self, author: str, kind: int, target: int, payload: bytes, *to: str, **fields: Any) -> Write:
        return self.write(author, kind, target=target, payload=payload, recipients=self.ids(to), **fields)

    def read(self, author: str, seq: int, *to: str) -> Write:
        return self.write(author, Kind.READ, value=seq, recipients=self.ids(to))

    async def append(self, *writes: Write) -> list[Placed]:
        return await self.store.append(writes)

    async def room(self, *names: str, **fields: Any) -> None:
        """Make a conversation."""
        await self.append(self.creation(*names, **fields))


async def chat(store: Store, count: int) -> House:
    """A conversation of alice and bob with `count` records of two bytes each after its creation."""
    house = await House.build(store, "alice", "bob", "carol")
    await house.room("alice", "bob")
    for number in range(count):
        await house.append(house.message("alice", "x", "bob", at_ms=AT_MS + number))
    return house
