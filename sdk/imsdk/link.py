"""One connection: says hello, reads, writes, notices when the peer is dead.

Everything that outlives it is in `engine`.
"""

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from improtocol import (
    NEED_DATA,
    Connection,
    LocalProtocolError,
    NextAction,
    ProtocolError,
    RemoteProtocolError,
    Side,
    State,
    close_for,
    frames,
)
from improtocol.frames import Frame
from imsdk.ending import Ended, closed_by, ended_by
from imsdk.errors import StorageError
from imsdk.keepalive import keep_alive, learn
from imsdk.resync import resync
from imsdk.rewind import rewound
from imsdk.session import Verdict
from imsdk.statistics import Resume as ResumeRecord
from imsdk.wakeup import Bell

if TYPE_CHECKING:
    from imsdk.engine import Engine

READ_BYTES: Final = 64 * 1024
#: From the first byte to RESUMED or CONNECTED.
ATTACH_S_MAX: Final = 10.0


class Link:
    """One connection of `engine` over `stream`; `run` lives as long as it does."""

    def __init__(self, engine: "Engine", stream: trio.abc.Stream) -> None:
        self._engine = engine
        self._stream = stream
        self._conn = Connection(Side.CLIENT)
        self._out = bytearray()
        self._scope = trio.CancelScope()
        self._ended: Ended | None = None
        self.heard_s = trio.current_time()
        self.probed_s: float | None = None
        self._asked: set[int] = set()  #: queries sent on this connection
        self.said = Bell()  #: something was sent, so an answer may be due
        self._more = True  #: the outbox may hold what is not sent yet
        self._record = ResumeRecord(started_s=self.heard_s, new_session=engine.session.needs_token)
        self._head = 0  #: the head that makes this connection consistent
        self.accepted = 0
        self._resync_told = False  #: the server has said that a RESYNC comes with its answer
        self.forgotten = False  #: the server, back from a backup, does not know all that it had acked

    async def run(self, token: str) -> Ended:
        """Attach and go on until the connection ends; returns why. Cancelling it drops the connection."""
        engine = self._engine
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    self.send(engine.session.open(token, engine.mode))
                    await self._fill()
                    nursery.start_soon(self._read)
                    nursery.start_soon(self._write)
                    with trio.move_on_after(ATTACH_S_MAX) as scope:
                        await engine.bell.wait_until(lambda: engine.session.attached)
                    if scope.cancelled_caught:
                        self.finish(Ended(action=NextAction.RETRY_NOW, reason="no answer to the greeting"))
                    await keep_alive(engine, self)
        except* StorageError as group:  # of whichever task
            self.finish(ended_by(group))
        finally:
            engine.session.attached = False
            await trio.aclose_forcefully(self._stream)
        assert self._ended is not None
        if self._ended.broke and self.probed_s is not None and self.heard_s < self.probed_s:
            await learn(engine, answered=False)
        return self._ended

    def finish(self, ended: Ended) -> None:
        """End this connection; the first reason counts."""
        if self._ended is None:
            self._ended = ended
        self._scope.cancel()

    @property
    def answer_due(self) -> bool:
        """The server owes a result or a reply."""
        return self._engine.session.in_flight > 0 or bool(self._asked)

    # Writing ----------------------------------------------------------------------------------------

    def send(self, frame: Frame) -> None:
        """Queue a frame; the writer flushes. After a CLOSE of either side nothing more may be said."""
        if self._conn.state is State.CLOSED:
            return
        if isinstance(frame, frames.Ping) and (ack := self._engine.session.before_ping()):
            self.send(ack)
        self._out += self._conn.send(frame)
        self._engine.statistics.frames_out += 1

    async def _write(self) -> None:
        engine = self._engine
        try:
            while True:
                changed = engine.bell.listen()
                await self._fill()
                if self._out:
                    data = bytes(self._out)
                    self._out.clear()
                    engine.statistics.bytes_out += len(data)
                    self._record.count(bytes_out=len(data))
                    self.said.ring()
                    await self._stream.send_all(data)
                    continue
                due = [at for at in (engine.session.ack_at, engine.session.wake_at) if at is not None]
                with trio.move_on_at(min(due, default=float("inf"))):
                    await changed.wait()
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
            self.finish(ended_by(error))

    async def _fill(self) -> None:
        """Everything that may be said now, in front of it the ACK that rides along."""
        engine = self._engine
        session = engine.session
        await self._fill_commands()
        if engine.session.attached or not session.needs_token:
            for number, arguments in engine.queries.waiting():
                if number not in self._asked:
                    self._asked.add(number)
                    self.send(frames.Query(id=number, op=arguments.OP, arguments=arguments.arguments()))
        if session.attached:
            if (mode := engine.take_mode()) is not None:
                self.send(frames.Mode(mode=mode))
            for signal in engine.signals.take():
                self.send(signal)
            ack_at = session.ack_at
            if (self._out or (ack_at is not None and ack_at <= trio.current_time())) and (
                ack := session.take_ack()
            ):
                self.send(ack)
                self._record.count(round_trips=1)

    async def _fill_commands(self) -> None:
        session = self._engine.session
        while True:
            after, limit = session.sendable(trio.current_time())
            if limit <= 0 or not self._more:
                return
            self._more = False
            rows = await self._engine.store.window(after, limit)
            if session.sendable(trio.current_time()) != (after, limit):
                self._more = True  # a result came meanwhile
                continue
            for counter, action in rows:
                self.send(frames.Command(counter=counter, action=action))
                session.sent(counter)
            self._more = self._more or len(rows) == limit
            return

    def outbox_changed(self) -> None:
        """There may be something new to send."""
        self._more = True

    # Reading ----------------------------------------------------------------------------------------

    async def _read(self) -> None:
        engine = self._engine
        try:
            while True:
                data = await self._stream.receive_some(READ_BYTES)
                if not data:
                    raise trio.BrokenResourceError("the server hung up")
                self.heard_s = trio.current_time()
                engine.statistics.bytes_in += len(data)
                self._record.count(bytes_in=len(data))
                self._conn.receive_data(bytes(data))
                await self._take_frames()
                engine.bell.ring()
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
            self.finish(ended_by(error))
        except (RemoteProtocolError, LocalProtocolError) as error:
            await self._complain(error)

    async def _complain(self, error: RemoteProtocolError | LocalProtocolError) -> None:
        with trio.move_on_after(1), trio.CancelScope(shield=True):
            closed = trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError, OSError
            with suppress(*closed, ProtocolError, RemoteProtocolError):
                if isinstance(error, RemoteProtocolError):
                    await self._stream.send_all(self._conn.send(close_for(error)))
        self.finish(Ended(action=NextAction.RETRY_AFTER, reason=error.reason, code=error.code))

    async def _take_frames(self) -> None:
        results: deque[frames.Result] = deque()
        # Once the connection has ended nothing more of it counts: behind CONNECTED for another user come his
        # messages, and they may lie in the same bytes.
        while self._ended is None:
            frame = self._conn.next_event()
            if isinstance(frame, frames.Result):
                results.append(frame)
                continue
            # Results that came together are committed together: one fsync for all of them.
            if results:
                await self._take_results(results)
                results.clear()
            if frame is NEED_DATA:
                return
            self._engine.statistics.frames_in += 1
            await self._take(frame)

    async def _take(self, frame: Frame) -> None:
        engine = self._engine
        match frame:
            case frames.Events():
                await self._take_events(frame)
            case frames.Connected() | frames.Resumed():
                await self._attach(frame)
            case frames.Reply():
                self._asked.discard(frame.id)
                engine.queries.answer(frame)
            case frames.Signal():
                engine.signals.receive(frame)
                engine.changed()
            case frames.Resync():
                engine.session.begin_resync()
                at_once, self._resync_told = self._resync_told, False
                if not await rewound(engine, self, frame, at_once=at_once):
                    self._nursery.start_soon(resync, engine, self, frame)
            case frames.Pong():
                engine.session.proof.ponged()
            case frames.Ping():
                self.send(frames.Pong())
            case frames.Close():
                self.finish(closed_by(frame))
            case _:
                pass

    async def _take_results(self, results: "deque[frames.Result]") -> None:
        engine = self._engine
        now = trio.current_time()
        engine.statistics.frames_in += len(results)
        final = [result for result in results if engine.session.judge(result, now) is Verdict.SETTLED]
        self._more = self._more or len(final) < len(results)  # those refused for now are sent again
        if final:
            await engine.settle(final)

    async def _take_events(self, frame: frames.Events) -> None:
        engine = self._engine
        engine.session.check(frame)
        digest = await engine.commit_events(frame.entries, frame.end)
        size = sum(len(entry.payload) for entry in frame.entries)
        engine.session.committed(frame.end, trio.current_time(), digest, len(frame.entries), size)
        engine.statistics.events += len(frame.entries)
        self._record.count(missed_events=len(frame.entries))
        await self.check_consistent()

    async def _attach(self, frame: frames.Connected | frames.Resumed) -> None:
        attached = self._engine.session.attach(frame)
        self._head = attached.head
        self._resync_told = frame.resync > 0
        self.accepted = frame.accepted
        await self._engine.attached(attached)
        if self._ended is not None:
            return  # it is refused
        # Judged here: by the end of a RESYNC commands of this very connection may have been acked as well.
        self.forgotten = frame.accepted < self._engine.session.acked
        if self.forgotten and attached.fresh is not None and not self._resync_told:
            # CONNECT could not say what was acked. RESUME does, so its answer is RESYNC DIVERGED.
            self.finish(Ended(action=NextAction.RETRY_NOW, reason="the server forgot what it had acked"))
            return
        self._more = True
        self._engine.statistics.resumes.append(self._record)
        self._engine.bell.ring()
        if not self._resync_told:  # else the head says nothing: the RESYNC may go back
            await self.check_consistent()

    async def check_consistent(self, head: int | None = None) -> None:
        """Has the cursor reached the head? `head` replaces the quoted one (after a RESYNC)."""
        session = self._engine.session
        self._head = self._head if head is None else head
        if self._record.consistent_s is not None or session.resyncing or session.cursor < self._head:
            return
        self._record.consistent_s = trio.current_time() - self._record.started_s
        await self._engine.consistent()

    def count_round_trip(self) -> None:
        """A RESYNC had to ask something."""
        self._record.round_trips += 1
