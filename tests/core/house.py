"""A core without sockets, and phones that talk to it: both ends are the real sans-IO protocol.

A `Phone` does what a good client does: it checks that each range begins at its cursor, commits entries, acknowledges,
and keeps what is unanswered for the next connection. What it saw is in `entries`, `results`, `closed`.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import trio
import trio.testing

from improtocol import NEED_DATA, Body, Connection, Entry, Kind, Role, Side, Text, frames, queries, unpack
from improtocol import commands as c
from improtocol.body import read_body
from improtocol.commands import Action
from improtocol.frames import Close, Frame
from imserver.core import Core, CoreLimits, TokenVerifier, sign_token
from imserver.storage.memory import MemoryStore
from imserver.storage.store import AppKey, StoreFull

KEY = b"k" * 32
NOW_MS = 1_800_000_000_000


class SlowStore(MemoryStore):
    """A memory store that can be full, and whose calls can be held back.

    While `holding`, calls wait for `go`; `full` refuses what writes.
    """

    def __init__(self, epoch: int | None = None) -> None:
        super().__init__(epoch)
        self.full = False
        self.holding: set[str] = set()
        self.held = trio.Event()
        self.go = trio.Event()
        self.reads = 0

    def hold(self, *names: str) -> None:
        self.holding = set(names)
        self.held, self.go = trio.Event(), trio.Event()

    def release(self) -> None:
        self.holding = set()
        self.go.set()

    async def _pass(self, name: str, *, writes: bool = False) -> None:
        if name in self.holding:
            self.held.set()
            await self.go.wait()
        if writes and self.full:
            raise StoreFull

    async def append(self, writes: Any, marks: Any = None) -> Any:
        await self._pass("append", writes=True)
        return await super().append(writes, marks)

    async def login(self, **facts: Any) -> Any:
        await self._pass("login", writes=True)
        return await super().login(**facts)

    async def ensure_users(self, app: int, names: Sequence[str]) -> dict[str, int]:
        await self._pass("ensure_users", writes=True)
        return await super().ensure_users(app, names)

    async def extend_sessions(self, expires_ms: Any) -> None:
        await self._pass("extend_sessions", writes=True)
        await super().extend_sessions(expires_ms)

    async def devices(self, sessions: Sequence[int]) -> Any:
        self.reads += 1
        await self._pass("devices")
        return await super().devices(sessions)

    async def log_range(self, user: int, after: int, *, limit: int, bytes_max: int) -> Any:
        found = await super().log_range(user, after, limit=limit, bytes_max=bytes_max)
        await self._pass("log_range")
        return found

    async def history(self, *args: Any, **kwargs: Any) -> Any:
        found = await super().history(*args, **kwargs)
        await self._pass("history")
        return found

    async def conversation_infos(self, *args: Any, **kwargs: Any) -> Any:
        found = await super().conversation_infos(*args, **kwargs)
        await self._pass("conversation_infos")
        return found

    async def share_conversation(self, *args: Any, **kwargs: Any) -> Any:
        found = await super().share_conversation(*args, **kwargs)
        await self._pass("share_conversation")
        return found


class FakeClock:
    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms


class FakeLink:
    """A `Link` whose bytes arrive at once, unless it is `blocked`. It notes how much it was given."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.server = Connection(Side.SERVER)
        self.client = Connection(Side.CLIENT)
        self.closing = False
        self.blocked = False
        self.arrived: deque[Frame] = deque()
        self._out: list[bytes] = []
        self._is_attached = False
        self.flushes = 0

    def send(self, frame: Frame) -> None:
        if not self.closing:
            self._queue(self.server.send(frame))

    def send_events(self, start: int, end: int, entries: Sequence[Entry]) -> int:
        if self.closing:
            return 0
        data = self.server.send_events(start, end, entries)
        self._queue(data)
        return len(data)

    def attached(self) -> None:
        self._is_attached = True

    def close(self, frame: Close) -> None:
        if not self.closing:
            self._queue(self.server.send(frame))
            self.lose()

    def lose(self) -> None:
        """The connection is gone, as the server sees it."""
        if not self.closing:
            self.closing = True
            self.core.lost(self)

    def flush(self) -> None:
        out, self._out = self._out, []
        for data in out:
            self.client.receive_data(data)
            while (frame := self.client.next_event()) is not NEED_DATA:
                assert not isinstance(frame, type(NEED_DATA))
                self.arrived.append(frame)
        self.flushes += bool(out)
        self.read_on()

    def say(self, *said: Frame) -> None:
        """The client sends these."""
        for frame in said:
            self.server.receive_data(self.client.send(frame))
        self.read_on()
        self.core.links.flush()

    def read_on(self) -> None:
        while not self.closing:
            session = self.core.session_of(self)
            if self.server.state.name in {"CONNECTING", "RESUMING"}:
                return
            frame = self.server.next_event()
            if frame is NEED_DATA:
                return
            if isinstance(frame, frames.Connect | frames.Resume):
                self.core.hello(self, frame)
            elif isinstance(frame, Close):
                self.lose()
            elif session is not None:
                self.core.receive(session, self, frame)  # type: ignore[arg-type]

    def _queue(self, data: bytes) -> None:
        if not self._out:
            self.core.links.add(self)
        self._out.append(data)


def text_of(entry: Entry) -> str:
    """The text of a message, "" when it was erased."""
    content = read_body(unpack(entry.payload)).content
    return content.text if isinstance(content, Text) else ""


def post(conversation: int | str, text: str) -> c.Post:
    return c.Post(conversation=conversation, body=Body(content=Text(text)))


class Phone:
    """A device with its own memory of what it has and what it still has to send."""

    def __init__(self, house: "House", user: str, device: str = "phone", app: str = "shop") -> None:
        self.house = house
        self.user, self.device, self.app = user, device, app
        self.session, self.secret, self.epoch, self.cursor = 0, b"", 0, 0
        self.entries: list[Entry] = []
        self.results: dict[int, frames.Result] = {}
        self.outbox: dict[int, Action] = {}
        self.counter = 0
        self.other: list[Frame] = []
        self.link: FakeLink | None = None
        self.acks = True
        self.resumed: frames.Resumed | None = None
        self.connected: frames.Connected | None = None
        self._query = 0

    # Connections -----------------------------------------------------------------------------------

    async def connect(self, token: str | None = None, *, settle: bool = True) -> "Phone":
        self.link = FakeLink(self.house.core)
        token = token or self.house.token(self.user, self.app)
        self.link.say(frames.Connect(token=token, device=self.device, epoch=self.epoch, cursor=self.cursor))
        if settle:
            await self.settle()
        return self

    async def resume(self, *, settle: bool = True, mode: int = 0) -> "Phone":
        """A new connection, with everything unanswered right behind RESUME."""
        self.link = FakeLink(self.house.core)
        following = sorted(self.outbox)
        self.link.say(
            frames.Resume(
                session=self.session,
                secret=self.secret,
                epoch=self.epoch,
                cursor=self.cursor,
                next=following[0] if following else self.counter + 1,
                mode=mode,
            ),
            *(frames.Command(counter=counter, action=self.outbox[counter]) for counter in following),
        )
        if settle:
            await self.settle()
        return self

    def drop(self) -> FakeLink:
        """The connection breaks and both ends notice; what was on the way is lost."""
        link = self.link
        assert link is not None
        link.lose()
        self.link = None
        return link

    def vanish(self) -> FakeLink:
        """The connection breaks; the server does not notice."""
        link = self.link
        assert link is not None
        self.link = None
        return link

    @property
    def closed(self) -> Close | None:
        return next((frame for frame in self.other if isinstance(frame, Close)), None)

    # Talking ---------------------------------------------------------------------------------------

    async def do(self, *actions: Action) -> list[frames.Result]:
        """Send commands and wait for their results."""
        first = self.counter + 1
        self.send(*actions)
        await self.settle()
        return [self.results[counter] for counter in range(first, self.counter + 1)]

    async def one(self, action: Action) -> frames.Result:
        return (await self.do(action))[0]

    def send(self, *actions: Action) -> None:
        """Send commands and do not wait."""
        assert self.link is not None
        for action in actions:
            self.counter += 1
            self.outbox[self.counter] = action
            if not self.link.closing:
                self.link.say(frames.Command(counter=self.counter, action=action))

    async def ask(self, question: queries.Question) -> frames.Reply:
        assert self.link is not None
        self._query += 1
        self.link.say(frames.Query(id=self._query, op=question.OP, arguments=question.arguments()))
        await self.settle()
        return self.reply(self._query)

    def ask_later(self, question: queries.Question) -> int:
        assert self.link is not None
        self._query += 1
        self.link.say(frames.Query(id=self._query, op=question.OP, arguments=question.arguments()))
        return self._query

    def reply(self, id: int) -> frames.Reply:
        return next(frame for frame in self.other if isinstance(frame, frames.Reply) and frame.id == id)

    async def history(self, conversation: int | str, before: int = 0, limit: int = 50) -> queries.HistoryPage:
        reply = await self.ask(queries.History(conversation=conversation, before=before, limit=limit))
        assert reply.code == 0, reply
        return queries.HistoryPage.from_value(unpack(reply.payload))

    async def conversations(self) -> queries.ConversationsPage:
        reply = await self.ask(queries.Conversations())
        assert reply.code == 0, reply
        return queries.ConversationsPage.from_value(unpack(reply.payload))

    async def settle(self) -> None:
        """Let the server finish, take what came, until nothing more comes."""
        while True:
            await trio.testing.wait_all_tasks_blocked()
            if self.link is None or not self.link.arrived:
                return
            while self.link is not None and self.link.arrived:
                self.take(self.link.arrived.popleft())

    def take(self, frame: Frame) -> None:
        match frame:
            case frames.Connected():
                self.connected = frame
                self.session, self.secret, self.epoch = frame.session, frame.secret, frame.epoch
                self.counter = max(self.counter, frame.accepted)
            case frames.Resumed():
                self.resumed = frame
            case frames.Events():
                assert frame.start == self.cursor, f"{frame.start} is not my cursor {self.cursor}"
                self.entries += frame.entries
                count, self.cursor = frame.end - self.cursor, frame.end
                if self.acks and self.link is not None:
                    self.link.say(frames.Ack(count=count))
            case frames.Result():
                self.results[frame.counter] = frame
                if not 200 <= frame.code < 300:
                    self.outbox.pop(frame.counter, None)
            case _:
                self.other.append(frame)

    # What it has -----------------------------------------------------------------------------------

    @property
    def texts(self) -> list[str]:
        return [text_of(entry) for entry in self.entries if entry.kind == Kind.MESSAGE]

    def signals(self, kind: int) -> list[frames.Signal]:
        return [frame for frame in self.other if isinstance(frame, frames.Signal) and frame.kind == kind]

    def resyncs(self) -> list[frames.Resync]:
        return [frame for frame in self.other if isinstance(frame, frames.Resync)]

    @property
    def conversation(self) -> int:
        """The conversation of the last entry."""
        return self.entries[-1].conversation


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

    async def restart(self, limits: CoreLimits | None = None) -> None:
        """The server goes, and another one begins over the same store. All connections are gone."""
        assert self.nursery is not None
        self._scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        self.limits = limits or self.limits
        self._new_core()
        await self.nursery.start(self._run)

    def token(self, user: str, app: str = "shop", lifetime_s: int = 3600, now_s: int | None = None) -> str:
        # PyJWT looks at the machine's clock, which the core's own is not.
        key = KEY + app.encode()
        now_s = now_s if now_s is not None else trio_free_now_s()
        return sign_token(
            app=app, user=user, kid="1", algorithm="HS256", key=key, now_s=now_s, lifetime_s=lifetime_s
        )

    def phone(self, user: str, device: str = "phone", app: str = "shop") -> Phone:
        return Phone(self, user, device, app)

    async def group(self, owner: Phone, *members: str, id: int = 4711) -> int:
        result = await owner.one(c.Create(conversation=id, title="group", members=members))
        assert result.code == 0, result
        return id


def trio_free_now_s() -> int:
    import time

    return int(time.time())


MEMBER, ADMIN, OWNER = Role.MEMBER, Role.ADMIN, Role.OWNER
