"""SQLite does what the memory store does, for any sequence of commands, and `verify` finds no fault."""

import contextlib
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import trio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from improtocol.entries import Kind, Role
from improtocol.values import pack
from imserver.storage.driver import InlineDriver
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.memory import MemoryStore
from imserver.storage.sqlite import SqliteStore
from imserver.storage.store import Marks, MemberChange, Store, Write
from tests.contracts.house import AT_MS, House

NAMES = ("alice", "bob", "carol")
ROOMS = (11, 12)

names = st.sampled_from(NAMES)
rooms = st.sampled_from(ROOMS)
#: Mostly forward, sometimes back: server time jumps.
times = st.integers(AT_MS - 3, AT_MS + 9)
CHANGES: list[tuple[Kind, list[Any]]] = [
    (Kind.EDITED, ["new"]),
    (Kind.EDITED, ["new" * 20]),
    (Kind.RECALLED, []),
    (Kind.REACTED, ["!", True]),
    (Kind.REACTED, ["!", False]),
    (Kind.REACTED, ["?", True]),
]


class StoresAgree(RuleBasedStateMachine):
    """The same calls to both; after each, both answer every question alike."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.driver = InlineDriver(self.folder / DATABASE_NAME)
        self.stores: list[Store] = [MemoryStore(epoch=1), SqliteStore(self.driver, epoch=1)]
        self.house = trio.run(self._build)
        self.heads = dict.fromkeys(ROOMS, 0)
        self.batch: list[Write] = []

    async def _build(self) -> House:
        first, second = [await House.build(store, *NAMES) for store in self.stores]
        assert first.devices == second.devices
        return first

    def both(self, ask: Callable[[Store], Coroutine[Any, Any, Any]]) -> Any:
        first, second = (trio.run(ask, store) for store in self.stores)
        assert first == second
        return first

    @rule(room=rooms, people=st.sets(names, min_size=1))
    def create(self, room: int, people: set[str]) -> None:
        if self.heads[room] == 0:
            self.batch.append(self.house.creation(*sorted(people), room=room))
            self.heads[room] += 1

    def collect(self, room: int, write: Callable[[], Write]) -> None:
        if self.heads[room]:
            self.batch.append(write())
            self.heads[room] += self.batch[-1].kind != Kind.READ

    @rule(room=rooms, author=names, to=st.sets(names), text=st.text(max_size=3), at_ms=times)
    def post(self, room: int, author: str, to: set[str], text: str, at_ms: int) -> None:
        media = [bytes([len(text)]) * 32]
        self.collect(
            room,
            lambda: self.house.message(
                author, text, *sorted(to), conversation=room, at_ms=at_ms, media=media
            ),
        )

    @rule(
        room=rooms,
        author=names,
        to=st.sets(names),
        changed=st.integers(1, 12),
        change=st.sampled_from(CHANGES),
    )
    def change(
        self, room: int, author: str, to: set[str], changed: int, change: tuple[Kind, list[Any]]
    ) -> None:
        if changed > self.heads[room]:
            return  # core refuses to change what is not there
        kind, fields = change
        payload = pack([changed, *fields])
        self.collect(
            room,
            lambda: self.house.change(author, kind, changed, payload, *sorted(to), conversation=room),
        )

    @rule(room=rooms, author=names, to=st.sets(names), seq=st.integers(1, 12), at_ms=times)
    def read(self, room: int, author: str, to: set[str], seq: int, at_ms: int) -> None:
        self.collect(
            room,
            lambda: self.house.write(
                author,
                Kind.READ,
                value=seq,
                recipients=self.house.ids(sorted(to)),
                conversation=room,
                at_ms=at_ms,
            ),
        )

    @rule(room=rooms, author=names, user=names, role=st.sampled_from([None, *Role]))
    def member(self, room: int, author: str, user: str, role: Role | None) -> None:
        change = MemberChange(user=self.house.users[user], role=role)
        self.collect(
            room,
            lambda: self.house.write(
                author, Kind.ROLE, conversation=room, members=[change], recipients=self.house.ids(NAMES)
            ),
        )

    @rule(author=names)
    def refuse(self, author: str) -> None:
        self.batch.append(self.house.write(author, conversation=0, code=500))

    @precondition(lambda self: self.batch)
    @rule(position=st.integers(0, 9), user=names, room=rooms)
    def commit(self, position: int, user: str, room: int) -> None:
        house = self.house
        marks = Marks(
            acked={house.devices[user].id: position},
            delivered={(room, house.users[user]): position},
            seen_ms={house.devices[user].id: AT_MS + position},
        )
        batch, self.batch = self.batch, []

        async def append(store: Store) -> list[tuple[int, list[int]]]:
            return [(place.seq, list(place.positions)) for place in await store.append(batch, marks)]

        self.both(append)

    @rule(before_ms=times, kept=st.integers(0, 9))
    def trim(self, before_ms: int, kept: int) -> None:
        self.both(lambda store: store.trim_logs(before_ms=before_ms, positions_kept_max=kept))

    @rule()
    def forget_caches(self) -> None:
        self.driver.writer.forget()

    @invariant()
    def answers_are_the_same(self) -> None:
        self.both(self._everything)

    async def _everything(self, store: Store) -> list[Any]:
        users = list(self.house.users.values())
        heads = await store.log_heads(users)
        answers: list[Any] = [heads, await store.devices([1001, 1002, 1003]), await store.last_seen_ms(users)]
        for user in users:
            answers.append(await store.log_range(user, 0, limit=99, bytes_max=99))
            answers.append(await store.log_range(user, 2, limit=2, bytes_max=9999))
            answers.append(await store.conversation_infos(user, limit=9))
            answers.append(await store.conversation_infos(user, before=(AT_MS, 12), limit=1))
            answers.append(await store.conversation_infos(user, after=0, limit=9, bytes_max=200))
            answers.append(await store.share_conversation(user, users))
            answers.append(await store.visible_media(user, [bytes([number]) * 32 for number in range(4)]))
        for room in ROOMS:
            answers.append(await store.conversation(room))
            answers.append(await store.history(room, first=1, before=0, limit=3))
            answers.append(await store.history(room, first=2, before=5, limit=9))
            answers.append(await store.history(room, first=1, before=6, limit=9, bytes_max=250))
            answers.append(await store.member_infos(room, after="alice", limit=1))
        return answers

    def teardown(self) -> None:
        self.driver.close()
        self.stack.close()


TestStoresAgree = StoresAgree.TestCase
TestStoresAgree.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
