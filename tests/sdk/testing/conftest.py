"""A raw client: speaks frames to the fake server, without the SDK, so that each tests the other."""

from collections.abc import Callable

import pytest
import trio

from improtocol import NEED_DATA, Body, Connection, Side, Text, frames, unpack
from improtocol.commands import Action, ConversationRef, Post
from improtocol.entries import Entry
from imsdk.testing import Server


class RawClient:
    """One device that remembers what a store would: session, cursor, next counter."""

    def __init__(self, server: Server, user: str, device: str = "phone") -> None:
        self.server = server
        self.user = user
        self.device = device
        self.token = server.token(user)
        self.session = 0
        self.secret = b""
        self.epoch = 0
        self.cursor = 0
        self.counter = 0
        self.entries: list[Entry] = []

    async def dial(self) -> None:
        self.stream = await self.server.dialer().dial(self.server.url)
        self.connection = Connection(Side.CLIENT)

    async def connect(self) -> frames.Frame:
        """CONNECT; returns the answer."""
        await self.dial()
        await self.send(
            frames.Connect(token=self.token, device=self.device, epoch=self.epoch, cursor=self.cursor)
        )
        answer = await self.next()
        if isinstance(answer, frames.Connected):
            self.session, self.secret, self.epoch = answer.session, answer.secret, answer.epoch
            self.counter = answer.accepted
        return answer

    async def resume(self) -> frames.Frame:
        """RESUME after the last entry taken; returns the answer."""
        await self.dial()
        await self.send(
            frames.Resume(
                session=self.session,
                secret=self.secret,
                epoch=self.epoch,
                cursor=self.cursor,
                next=self.counter + 1,
            )
        )
        return await self.next()

    async def send(self, frame: frames.Frame) -> None:
        await self.stream.send_all(self.connection.send(frame))

    async def command(self, action: Action, counter: int | None = None) -> None:
        self.counter = counter or self.counter + 1
        await self.send(frames.Command(counter=self.counter, action=action))

    async def act(self, action: Action) -> frames.Result:
        """A command and its result; events that come before it are taken."""
        await self.command(action)
        return await self.expect(frames.Result)

    async def post(self, to: ConversationRef, text: str) -> frames.Result:
        return await self.act(Post(conversation=to, body=Body(content=Text(text))))

    async def ask(self, question: object) -> frames.Reply:
        await self.send(frames.Query(id=7, op=int(question.OP), arguments=question.arguments()))
        return await self.expect(frames.Reply)

    async def next(self) -> frames.Frame:
        """The next frame; events are checked to follow the cursor, and taken."""
        while (frame := self.connection.next_event()) is NEED_DATA:
            data = await self.stream.receive_some()
            if not data:
                raise EOFError
            self.connection.receive_data(data)
        if isinstance(frame, frames.Events):
            assert frame.start == self.cursor
            self.cursor = frame.end
            self.entries += frame.entries
        return frame

    async def expect(self, kind: type) -> frames.Frame:
        """The next frame of this kind; others before it are skipped (events: taken)."""
        while not isinstance(frame := await self.next(), kind):
            pass
        return frame

    async def drain(self) -> list[frames.Frame]:
        """Every frame that is already there."""
        seen = []
        with trio.move_on_after(0.001):
            while True:
                seen.append(await self.next())
        return seen

    def texts(self) -> list[str]:
        values = [unpack(entry.payload) for entry in self.entries if entry.kind == 0]
        return [value for value in values if isinstance(value, str)]


@pytest.fixture
def server() -> Server:
    return Server(seed=1)


@pytest.fixture
def client(server: Server) -> Callable[..., RawClient]:
    def make(user: str, device: str = "phone") -> RawClient:
        return RawClient(server, user, device)

    return make
