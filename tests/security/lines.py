"""A connection that keeps every byte the server wrote to it."""

import trio.testing

from improtocol import frames, queries
from improtocol.commands import Action
from improtocol.frames import Frame
from tests.core.house import House
from tests.core.links import FakeLink


class Tapped(FakeLink):
    """A `FakeLink`; `written` is what the server said since `mark`."""

    def __init__(self, house: House) -> None:
        super().__init__(house.core)
        self.written = b""

    def _queue(self, data: bytes) -> None:
        self.written += data
        super()._queue(data)


class Line:
    """A device at its barest: it says what it is told to, and everything the server answers is bytes."""

    def __init__(self, house: House, user: str, device: str = "phone", app: str = "shop") -> None:
        self.house, self.user, self.device, self.app = house, user, device, app
        self.link = Tapped(house)
        self.counter = 0
        self.connected: frames.Connected | None = None

    async def connect(self, *, cursor: int = 0) -> "Line":
        self.link = Tapped(self.house)
        token = self.house.token(self.user, self.app)
        await self.exchange(frames.Connect(token=token, device=self.device, cursor=cursor))
        first = self.link.arrived[0]
        assert isinstance(first, frames.Connected), first
        self.connected = first
        self.counter = first.accepted
        return self

    def resume_frame(self, **changes: object) -> frames.Resume:
        assert self.connected is not None
        fields: dict[str, object] = {
            "session": self.connected.session,
            "secret": self.connected.secret,
            "epoch": self.connected.epoch,
            "cursor": self.connected.head,
            "next": self.counter + 1,
        }
        return frames.Resume(**(fields | changes))  # type: ignore[arg-type]

    async def exchange(self, *said: Frame) -> bytes:
        """Say it; what the server writes until it rests."""
        before = len(self.link.written)
        self.link.say(*said)
        await trio.testing.wait_all_tasks_blocked()
        return self.link.written[before:]

    async def do(self, *actions: Action) -> bytes:
        first = self.counter + 1
        self.counter += len(actions)
        return await self.exchange(
            *(frames.Command(counter=first + n, action=a) for n, a in enumerate(actions))
        )

    async def ask(self, question: queries.Question) -> bytes:
        return await self.exchange(frames.Query(id=1, op=question.OP, arguments=question.arguments()))

    def heard(self, kind: type[Frame]) -> list[Frame]:
        return [frame for frame in self.link.arrived if isinstance(frame, kind)]

    @property
    def close_code(self) -> int | None:
        return next((f.code for f in self.link.arrived if isinstance(f, frames.Close)), None)
