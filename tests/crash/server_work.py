"""A seeded life of the server's store: log-ins, batches, blobs, trims, checkpoints, a disk that is full."""

import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from improtocol.entries import Kind, Role
from improtocol.event_codec import pack_int
from improtocol.values import pack
from imserver.storage.blobs import Blob
from imserver.storage.model import AppKey, Marks, MemberChange, Placed, StoreFull, Write
from imserver.storage.sqlite import SqliteStore
from tests.contracts.house import AT_MS, House, login
from tests.crash.promises import Promises, settled_digest

NAMES = ("alice", "bob", "carol", "dora")


@dataclass
class Room:
    """What the test knows of a conversation: members by name, head, messages that can be changed."""

    id: int
    members: list[str]
    head: int = 1
    messages: list[int] = field(default_factory=list)


class ServerWork:
    """Calls the store and notes every promise. A new object after each restart takes over with `resume`."""

    def __init__(self, rng: random.Random, promises: Promises, full: Callable[[bool], None]) -> None:
        self._rng = rng
        self._promises = promises
        self._full = full
        self.rooms: list[Room] = []
        self.heads: dict[str, int] = {}
        self.house: House | None = None
        self._blobs: list[bytes] = []
        self._sessions = 5000
        self._store: SqliteStore | None = None

    def attach(self, store: SqliteStore) -> None:
        """Go on with this store."""
        self._store = store
        if self.house is not None:
            self.house.store = store

    def go_on_with(self, store: SqliteStore, promises: Promises) -> None:
        """Go on after a power cut, on another disk."""
        self._promises = promises
        self.attach(store)

    async def begin(self) -> None:
        """Make the app and its users, a call each."""
        store = self.store
        self.house = house = House(store)
        app = await self._do(lambda: store.put_app("shop", now_ms=AT_MS, media_bytes_max=10**9))
        house.app = app.id
        for number, name in enumerate(NAMES, 1):
            await self._login(name, 1000 + number)

    @property
    def store(self) -> SqliteStore:
        assert self._store is not None
        return self._store

    async def step(self) -> None:
        """One call of some kind."""
        draw = self._rng.random()
        if draw < 0.72 or not self.rooms:
            await self._batch()
        elif draw < 0.80:
            await self._blob()
        elif draw < 0.85:
            self._sessions += 1
            await self._login(self._rng.choice(NAMES), self._sessions)
        elif draw < 0.88:
            names = [f"guest{self._rng.randrange(50)}" for _ in range(2)]
            await self._do(lambda: self.store.ensure_users(self._house.app, names))
        elif draw < 0.91:
            key = AppKey(
                app=self._house.app,
                kid=f"k{self._rng.randrange(3)}",
                algorithm="HS256",
                key=self._rng.randbytes(32),
                created_ms=AT_MS,
            )
            await self._do(lambda: self.store.put_key(key))
        elif draw < 0.96:
            kept = self._rng.randrange(1, 40)
            await self._do(lambda: self.store.trim_logs(before_ms=0, positions_kept_max=kept))
        else:
            self._checkpoint()

    # Calls ------------------------------------------------------------------------------------------------

    @property
    def _house(self) -> House:
        assert self.house is not None
        return self.house

    async def _do(self, call: Callable[[], Awaitable[Any]], facts: list[Any] | None = None) -> Any:
        """Make a call; one in twenty meets a full disk first, which must change nothing."""
        noted = [] if facts is None else facts
        if self._rng.random() < 0.05:
            self._full(True)
            try:
                return await self._promises.note(call, self._state, noted)
            except StoreFull:
                self._promises.forget_last()
            finally:
                self._full(False)
        return await self._promises.note(call, self._state, noted)

    def _state(self) -> bytes:
        return settled_digest(cast(Any, self.store)._driver.writer.db)

    def _checkpoint(self) -> None:
        cast(Any, self.store)._driver.writer.checkpoint()

    async def _login(self, name: str, session: int) -> None:
        house = self._house
        secret = self._rng.randbytes(16)
        device = await self._do(
            lambda: login(self.store, app=house.app, user=name, device="phone", session=session,
                                     secret_hash=secret, now_ms=AT_MS, expires_ms=AT_MS + session)
        )  # fmt: skip
        house.users[name], house.devices[name] = device.user, device

    async def _blob(self) -> None:
        sha256 = hashlib.sha256(self._rng.randbytes(8)).digest()
        blob = Blob(
            sha256=sha256,
            size_bytes=5,
            mime="image/png",
            width=1,
            height=1,
            duration_ms=None,
            thumbnail=None,
            created_ms=AT_MS,
        )
        house = self._house
        await self._do(lambda: self.store.put_blob(house.app, blob))
        self._blobs.append(sha256)
        user = house.users[self._rng.choice(NAMES)]
        await self._do(lambda: self.store.note_upload(user, [sha256]))

    async def _batch(self) -> None:
        facts: list[Any] = []
        writes = [write for _ in range(self._rng.choice((1, 1, 2, 4, 12))) for write in self._writes()]
        marks = self._marks() if self._rng.random() < 0.3 else None
        # What will be promised does not depend on the call: numbers are dense.
        facts.extend(
            ("record", w.conversation, seq, w.kind, w.target, bytes(w.payload)) for w, seq in writes if seq
        )
        facts.extend(("counter", w.device, w.counter, w.digest, w.code) for w, _ in writes if w.device)
        placed: list[Placed] = await self._do(
            lambda: self.store.append([write for write, _ in writes], marks), facts
        )
        assert [place.seq for place in placed] == [seq for _, seq in writes]
        for (write, _), place in zip(writes, placed, strict=True):
            for user, position in zip(write.recipients, place.positions, strict=True):
                self.heads[self._name(user)] = position

    def _name(self, user: int) -> str:
        return next(name for name, id_ in self._house.users.items() if id_ == user)

    def _marks(self) -> Marks:
        users = self._house.users
        room = self._rng.choice(self.rooms) if self.rooms else None
        return Marks(
            acked={self._house.devices[name].id: head for name, head in self.heads.items()},
            delivered={(room.id, users[name]): room.head - 1 for name in room.members} if room else {},
            seen_ms={self._house.devices["alice"].id: AT_MS + self._rng.randrange(10**6)},
        )

    # Writes -----------------------------------------------------------------------------------------------

    def _writes(self) -> list[tuple[Write, int]]:
        """One decided command, with the number its record will have (0: none)."""
        rng, house = self._rng, self._house
        if not self.rooms or rng.random() < 0.06:
            members = list(NAMES) if rng.random() < 0.5 else rng.sample(NAMES, 2)
            room = Room(id=rng.getrandbits(52) + 1, members=members)
            self.rooms.append(room)
            return [(house.creation(*members, room=room.id, title="部屋"), 1)]
        room = rng.choice(self.rooms)
        author = rng.choice(room.members)
        fields: dict[str, Any] = {"conversation": room.id, "digest": rng.getrandbits(32)}
        draw = rng.random()
        if draw < 0.08:
            return [(house.write(author, code=503, value=7, **fields), 0)]
        if draw < 0.2 and room.head > 1:
            fields["value"] = rng.randrange(1, room.head)
            return [(house.write(author, Kind.READ, recipients=house.ids(room.members), **fields), 0)]
        room.head += 1
        return [(self._record(room, author, fields, draw), room.head)]

    def _record(self, room: Room, author: str, fields: dict[str, Any], draw: float) -> Write:
        rng, house = self._rng, self._house
        to = house.ids(room.members)
        if draw < 0.45 and room.messages:
            target = rng.choice(room.messages)
            if draw < 0.28:
                room.messages.remove(target)
                return house.write(
                    author, Kind.RECALLED, target=target, payload=pack([target]), recipients=to, **fields
                )
            kind = Kind.EDITED if draw < 0.38 else Kind.REACTED
            payload = b"\x92" + pack_int(target) + pack(f"edit {rng.random()}")
            return house.write(author, kind, target=target, payload=payload, recipients=to, **fields)
        if draw < 0.55 and len(room.members) > 1:
            return self._membership(room, author, to, fields)
        room.messages.append(room.head)
        text = "文" * rng.choice((1, 10, 40, 900)) + str(rng.random())
        media = rng.sample(self._blobs, 1) if self._blobs and rng.random() < 0.3 else []
        return house.write(author, payload=pack(text), recipients=to, media=media, **fields)

    def _membership(self, room: Room, author: str, to: list[int], fields: dict[str, Any]) -> Write:
        house = self._house
        outside = [name for name in NAMES if name not in room.members]
        if outside:
            room.members.append(outside[0])
            user = house.users[outside[0]]
            return house.write(
                author,
                Kind.JOINED,
                payload=pack([outside[0]]),
                recipients=[*to, user],
                members=[MemberChange(user=user, role=Role.MEMBER)],
                **fields,
            )
        name = next(name for name in room.members if name != author)
        room.members.remove(name)
        return house.write(
            author,
            Kind.REMOVED,
            payload=pack([name]),
            recipients=to,
            members=[MemberChange(user=house.users[name], role=None)],
            **fields,
        )
