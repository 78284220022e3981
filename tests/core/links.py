"""A connection without a socket: the sans-IO protocol on both ends of it."""

from collections import deque
from collections.abc import Sequence

from improtocol import NEED_DATA, Connection, Side, frames
from improtocol.event_codec import Line
from improtocol.frames import Close, Frame
from imserver.core import Core, Session


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
        self.session: Session | None = None
        self.flushes = 0

    def send(self, frame: Frame) -> None:
        if not self.closing:
            self._queue(self.server.send(frame))

    def send_result(self, counter: int, value: int, at_ms: int) -> None:
        if not self.closing:
            self._queue(self.server.send_result(counter, value, at_ms))

    def send_events(self, start: int, end: int, lines: Sequence[Line]) -> int:
        if self.closing:
            return 0
        data = self.server.send_lines(start, end, lines)
        self._queue(data)
        return len(data)

    def attached(self) -> None:
        pass

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
            session = self.session
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
                self.core.receive(session, self, frame)

    def _queue(self, data: bytes) -> None:
        if not self._out:
            self.core.links.add(self)
        self._out.append(data)
