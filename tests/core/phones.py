"""A device as a good client would be.

It checks that each range begins at its cursor, commits entries, acknowledges, and keeps what is unanswered
for the next connection. What it saw is in `entries`, `results`, `closed`.
"""

from typing import TYPE_CHECKING

import trio
import trio.testing

from improtocol import Body, Entry, Kind, State, Text, frames, queries, unpack
from improtocol import commands as c
from improtocol.body_codec import read_body
from improtocol.commands import Action
from improtocol.frames import Close, Frame
from tests.core.links import FakeLink

if TYPE_CHECKING:
    from tests.core.house import House


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
        """Send commands and do not wait. Without a session they stay in the outbox."""
        for action in actions:
            self.counter += 1
            self.outbox[self.counter] = action
            if self.link is not None and self.link.client.state in {State.OPEN, State.RESUMING}:
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
            link = self.link
            while link.arrived and self.link is link:
                self.take(link.arrived.popleft())

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
                if self.acks and self.link is not None and self.link.client.state is State.OPEN:
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
