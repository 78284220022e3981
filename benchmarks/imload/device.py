"""A device: two resumable streams and the connection that carries them at the moment. No I/O, no clock.

What it keeps would be on a phone's disk: it survives any connection. Losing a result or an event is therefore
never the device's own doing, and the oracle may blame the server.
"""

from collections.abc import Callable
from typing import Final

from imload.book import Book
from imload.composer import Composer
from imload.credentials import Credentials
from imload.inbox import Inbox
from imload.outbox import Outbox
from imload.people import Chat, Person
from imload.radio import Radio
from imload.resuming import Resuming
from imload.schedule import Posting
from imload.snapshot import Snapshot
from improtocol import NEED_DATA, ClientMode, Connection, Entry, NextAction, Side, State, action_of, frames
from improtocol.frames import Frame
from improtocol.opcodes import ResyncReason

_NEVER: Final = float("inf")


class Device:
    """One device's streams over any number of connections.

    The driver gives it bytes and moments (seconds of a monotonic clock) and writes what `take` returns.

    Args:
        person: who it is.
        book: the run's terms.
        radio: counts wake-ups.
    """

    __slots__ = (
        "_book",
        "_connection",
        "_credentials",
        "_inbox",
        "_mode",
        "_out",
        "_outbox",
        "_ping_due_s",
        "_snapshot",
        "attached",
        "close",
        "composer",
        "person",
        "radio",
        "resuming",
        "steady_s",
        "user",
        "wake",
    )

    def __init__(self, person: Person, book: Book, radio: Radio) -> None:
        self.person = person
        self.user = book.name_of(person.user)
        self.radio = radio
        self._book = book
        self.composer = Composer(person, book)
        self.wake: Callable[[], None] = lambda: None  #: called when it has something to write by itself
        self._outbox = Outbox(book)
        self._inbox = Inbox(person, book)
        self._credentials = Credentials(self.user, person.device, book.token_of)
        self._connection: Connection | None = None
        self._out: list[bytes] = []
        self._mode = ClientMode.FOREGROUND
        self._ping_due_s = _NEVER
        self._snapshot: Snapshot | None = None
        self.attached = False
        self.steady_s = _NEVER  #: since when it has been attached and nothing was in its way
        self.close: frames.Close | None = None
        self.resuming = Resuming()

    # For the driver --------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Nothing waits for a result."""
        return not self._outbox and not self.composer.holds

    @property
    def background(self) -> bool:
        """Whether the app is."""
        return self._mode is ClientMode.BACKGROUND

    @property
    def due_s(self) -> float:
        """When `on_time` is to be called at the latest."""
        return min(self._inbox.ack_due_s, self._ping_due_s, self._outbox.due_s if self.attached else _NEVER)

    def hello(self, now_s: float) -> None:
        """The transport is there: RESUME with what is unacknowledged right behind it, or CONNECT."""
        self.lost()
        self._connection = Connection(Side.CLIENT)
        self._outbox.restart()
        self.close = None
        self.resuming.restart(under_way=self._credentials.known)
        hello = self._credentials.hello(self._inbox.cursor, self._outbox.next, self._mode, self._inbox.claim)
        self.resuming.took(self._send(hello))
        if isinstance(hello, frames.Resume):
            self._outbox.send(self._send, now_s)

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes of the connection; what follows from them is in `take`.

        Raises:
            RemoteProtocolError: the server broke the protocol.
        """
        connection = self._connection
        if connection is None:
            return
        self.radio.active(now_s)
        self.resuming.heard()
        connection.receive_data(data)
        while True:
            before = connection.buffered_bytes
            frame = connection.next_event()
            if frame is NEED_DATA:
                break
            size = before - connection.buffered_bytes
            self._book.tally.frame_bytes[f"{type(frame).__name__} in"] += size
            self._take_frame(frame, size, now_s)
        if self.attached:
            self._outbox.send(self._send, now_s)

    def take(self, now_s: float) -> bytes:
        """The bytes to write."""
        if not self._out:
            return b""
        if self.attached and self._inbox.unacked:
            self._send(self._inbox.take_ack())  # rides along
        data = b"".join(self._out)
        self._out.clear()
        self.radio.active(now_s)
        self.resuming.said()
        if self.attached:
            self._ping_due_s = now_s + self._book.keepalive_s
        return data

    def lost(self) -> None:
        """The connection is gone."""
        self._connection = self._snapshot = None
        self.composer.shelf.lost()
        self.attached = self.resuming.consistent = False
        self.steady_s = _NEVER
        self._out.clear()
        self._ping_due_s = _NEVER
        self._inbox.owe_nothing()

    def on_time(self, now_s: float) -> None:
        """Do what is due."""
        if not self.attached:
            return
        if now_s >= self._ping_due_s:
            self._book.tally.counts["pings"] += 1
            self._send(frames.Ping())
        elif now_s >= self._inbox.ack_due_s:
            self._send(self._inbox.take_ack())
        self._outbox.send(self._send, now_s)

    # What the person does --------------------------------------------------------------------------

    def make_group(self, chat: Chat, now_s: float) -> None:
        """Create a group of the schedule; its maker's first command after logging in."""
        create = self.composer.create(chat)
        self._outbox.add(create, -1, now_s, quiet=False)
        self._send_outbox(now_s)

    def post(self, posting: Posting, now_s: float) -> None:
        """Put a message into the outbox, and on its way if there is one."""
        post = self.composer.compose(posting, now_s)
        if post is None:
            self._ask_for_media(now_s)
            return
        self._outbox.add(post, posting.number, now_s, quiet=self.steady_s <= now_s)
        self._book.tally.counts["posted"] += 1
        self._send_outbox(now_s)

    def set_mode(self, *, background: bool) -> None:
        """The app goes away or comes back."""
        self._mode = ClientMode.BACKGROUND if background else ClientMode.FOREGROUND
        if self.attached:
            self._send(frames.Mode(mode=self._mode))

    # Sending ---------------------------------------------------------------------------------------

    def _send(self, frame: Frame) -> int:
        assert self._connection is not None
        data = self._connection.send(frame)
        self._out.append(data)
        self._book.tally.frame_bytes[f"{type(frame).__name__} out"] += len(data)
        return len(data)

    def _send_outbox(self, now_s: float) -> None:
        if self._connection is not None and self._connection.state in (State.OPEN, State.RESUMING):
            self._outbox.send(self._send, now_s)

    # Receiving -------------------------------------------------------------------------------------

    def _take_frame(self, frame: Frame, size: int, now_s: float) -> None:
        match frame:
            case frames.Result():
                self._outbox.take(frame, now_s, self.steady_s)
            case frames.Events():
                self._take_events(frame, size, now_s)
            case frames.Connected() | frames.Resumed():
                self._take_attached(frame, size, now_s)
            case frames.Ping():
                self._send(frames.Pong())
            case frames.Resync():
                self._begin_snapshot(frame)
            case frames.Reply():
                self._take_reply(frame, now_s)
            case frames.Close():
                self.close = frame
                self._book.tally.counts[f"closed: {frame.code}"] += 1
                if action_of(frame.code) is NextAction.REAUTHENTICATE:
                    self._credentials.forget()
            case _:
                pass  # PONG, SIGNAL

    def _take_attached(self, frame: frames.Connected | frames.Resumed, size: int, now_s: float) -> None:
        self.attached = True
        self._inbox.attached()
        self.steady_s = now_s
        self._ping_due_s = now_s + self._book.keepalive_s
        if isinstance(frame, frames.Connected):
            self._credentials.take(frame)
            self._outbox.accepted = self._outbox.accepted if self._outbox else frame.accepted
            self._book.tally.counts["connects"] += 1
            self._book.tally.took("login", now_s - self.resuming.connecting_s)
            self.resuming.target = frame.head
        else:
            self.resuming.took(size)
            self.resuming.target = frame.head or self._inbox.cursor
        self._ask_for_media(now_s)
        if not frame.resync:
            self._look_consistent(now_s)

    def _take_events(self, frame: frames.Events, size: int, now_s: float) -> None:
        created = self._inbox.take(frame, now_s, self.steady_s)
        self.resuming.took(size, len(frame.entries))
        self._look_consistent(now_s)
        if now_s >= self._inbox.ack_due_s:
            self._send(self._inbox.take_ack())
        self._take_created(created, now_s)

    def _begin_snapshot(self, frame: frames.Resync) -> None:
        """The log cannot say what follows the cursor: ask for conversations and their histories instead."""
        self._book.tally.counts[f"resyncs: {frame.reason}"] += 1
        if frame.reason == ResyncReason.DIVERGED:
            text = f"what it has differs from what the server has, after position {frame.verified}"
            self._book.ledger.altered.append((self.person.number, text))
        self._credentials.epoch = frame.epoch
        self._snapshot = Snapshot(self._send, self._inbox.last_seq)

    def _take_reply(self, frame: frames.Reply, now_s: float) -> None:
        self.composer.shelf.reply(frame, self._uploaded)
        if self._snapshot is None:
            return
        created: list[Entry] = []

        def take(conversation: int, entries: list[Entry]) -> None:
            created.extend(self._inbox.take_snapshot(conversation, entries, now_s))

        position = self._snapshot.reply(frame, take)
        self._take_created(created, now_s)
        if position is None:
            return
        self._snapshot = None
        self._inbox.seek(position)
        self._send(frames.Seek(position=position))
        self._look_consistent(now_s)

    def _ask_for_media(self, now_s: float) -> None:
        if self.attached:
            self.composer.shelf.ask(self._send, now_s)

    def _uploaded(self, now_s: float) -> None:
        for posting in self.composer.shelf.release():
            self.post(posting, now_s)
        self.wake()

    def _take_created(self, created: list[Entry], now_s: float) -> None:
        for entry in created:
            for posting in self.composer.addresses.created(entry):
                self.post(posting, now_s)

    def _look_consistent(self, now_s: float) -> None:
        if self.attached:
            self.resuming.look(self._inbox.cursor, now_s, self._book.tally)
