"""The fake server's end of one connection: handshake, commands, events within the window, signals."""

from collections.abc import Callable

from improtocol import (
    NEED_DATA,
    Code,
    Connection,
    NextAction,
    RemoteProtocolError,
    ResyncReason,
    Side,
    SignalKind,
    action_of,
    close_for,
    frames,
    limits,
)
from improtocol.action_codec import digest_of
from improtocol.commands import Logout
from improtocol.digest import DIGEST_MAX, sum_terms
from imsdk.testing.commands import Refused, carry_out
from imsdk.testing.host import Host
from imsdk.testing.proofs import difference
from imsdk.testing.signals import Signals
from imsdk.testing.wire import Wire
from imsdk.testing.world import DeviceState


class Peer:
    """One connection, seen from the server. Everything happens inside `receive` and `pump`, synchronously."""

    def __init__(self, host: Host, wire: Wire, answer: Callable[[str, frames.Query], bytes]) -> None:
        self._host = host
        self._answer = answer
        self._wire = wire
        self._connection = Connection(Side.SERVER)
        self._sent = 0
        self._acked = 0
        self._verified = 0
        self._sums = {0: 0}  # of all sent up to the end of each frame
        self._must_seek = False
        self._refuses_commands = False
        self.signals = Signals(host, self)
        self.device: DeviceState | None = None
        self.closed = False

    # Bytes -----------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Bytes from the client."""
        self._connection.receive_data(data)
        try:
            while not self.closed:
                frame = self._connection.next_event()
                if frame is NEED_DATA:
                    return
                self._handle(frame)
        except RemoteProtocolError as error:
            self.hang_up(close_for(error))

    def send(self, frame: frames.Frame) -> None:
        """One frame to the client."""
        if not self.closed:
            self._wire.deliver(self._connection.send(frame))

    def hang_up(self, close: frames.Close) -> None:
        """Say why, then close."""
        if not self.closed:
            self.send(close)
            self.lost()
            self._wire.end()

    def cut(self) -> None:
        """The network breaks this connection."""
        self._wire.cut()

    def go_silent(self) -> None:
        """The network carries nothing any more, and nobody is told."""
        self._wire.silent = True

    def lost(self) -> None:
        """The connection is gone."""
        if not self.closed:
            self.closed = True
            self._host.peers.remove(self)
            self.signals.tell_presence(there=False)

    # Frames ----------------------------------------------------------------------------------------

    def _handle(self, frame: frames.Frame) -> None:
        match frame:
            case frames.Connect() | frames.Resume():
                self._shake_hands(frame)
            case frames.Command():
                self._command(frame)
            case frames.Query():
                self._query(frame)
            case frames.Ack():
                self._ack(frame)
            case frames.Seek():
                if not self._must_seek and frame.position <= self._sent:
                    return  # it never moves back, but for answering RESYNC
                self._must_seek = self._refuses_commands = False
                self._start(frame.position)
                self._commit()
                self.pump()
            case frames.Signal():
                self.signals.take(frame)
            case frames.Mode():
                self.signals.set_mode(frame.mode)
            case frames.Ping():
                self.send(frames.Pong())
            case frames.Close():
                self.lost()
                self._wire.end()
            case _:  # PONG is only a sign of life; the table of states lets nothing else through
                pass

    def _shake_hands(self, frame: frames.Connect | frames.Resume) -> None:
        refusal = self._host.handshake_refusal()
        if refusal is not None:
            self.hang_up(refusal)
            return
        world = self._host.world
        if isinstance(frame, frames.Resume):
            device = world.session(frame.session, frame.secret)
            if device is None:
                ended = world.ended.get(frame.session) == frame.secret
                code = Code.SESSION_ENDED if ended else Code.SESSION_UNKNOWN
                self.hang_up(frames.Close(code=code, reason="no such session any more"))
                return
        else:
            try:
                device = world.device(self._host.user_of(frame.token), frame.device)
            except Refused as refused:
                self.hang_up(frames.Close(code=refused.code, reason=refused.reason))
                return
            device.session, device.secret = world.draw_id(), world.draw_secret()
        self._replace_older(device)
        self.signals.set_mode(frame.mode)
        log = world.log(device.user)
        missed = world.pull(device.actor, frame.cursor, log.head)[1] if frame.cursor >= log.oldest - 1 else []
        behind_bytes = sum(len(entry.payload) for entry in missed)
        reason = difference(world, device, frame)
        if isinstance(frame, frames.Resume):
            self.send(
                frames.Resumed(
                    accepted=device.accepted,
                    head=0 if log.head == frame.cursor else log.head,
                    behind_events=len(missed),
                    behind_bytes=behind_bytes,
                    resync=reason,
                )
            )
        else:
            self.send(
                frames.Connected(
                    session=device.session,
                    secret=device.secret,
                    epoch=world.epoch,
                    accepted=device.accepted,
                    head=log.head,
                    behind_events=len(missed),
                    behind_bytes=behind_bytes,
                    user=device.user,
                    resync=reason,
                )
            )
        self._begin(frame, reason)

    def _replace_older(self, device: DeviceState) -> None:
        olders = [peer for peer in self._host.peers if peer.device is device]
        self.device = device  # first, so that nobody is told that the user went
        for older in olders:
            older.hang_up(frames.Close(code=Code.REPLACED, reason="a newer connection took over"))

    def _start(self, position: int) -> None:
        self._sent = self._acked = self._verified = position
        self._sums = {position: 0}

    def _begin(self, frame: frames.Connect | frames.Resume, reason: int) -> None:
        self._start(frame.cursor)
        if reason:
            verified = frame.cursor - frame.span if reason == ResyncReason.DIVERGED else 0
            self._resync(ResyncReason(reason), verified)
        else:
            self._commit()
            self.pump(whole=True)
        self.signals.tell_presence(there=True)

    def _resync(self, reason: ResyncReason, verified: int) -> None:
        assert self.device is not None
        log = self._host.world.log(self.device.user)
        self._must_seek = True
        self._refuses_commands = reason is ResyncReason.RESTORED
        epoch = self._host.world.epoch
        self.send(
            frames.Resync(reason=reason, oldest=log.oldest, head=log.head, epoch=epoch, verified=verified)
        )

    # The reliable streams --------------------------------------------------------------------------

    def _command(self, frame: frames.Command) -> None:
        device = self.device
        assert device is not None
        if frame.counter <= device.accepted:
            known = device.results.get(frame.counter)
            if known is not None and known[0] == digest_of(frame.action):
                self._result(known[1])
            else:
                self._result(frames.Result(counter=frame.counter, code=Code.CONFLICT, reason="counter used"))
            return
        if self._refuses_commands or frame.counter > device.accepted + 1:
            self._result(frames.Result(counter=frame.counter, code=Code.OUT_OF_TURN))
            return
        wanted = self._host.command_refusal()
        if wanted is not None and action_of(wanted[0]) is NextAction.RETRY_AFTER:
            code, retry_after_ms = wanted
            self._result(frames.Result(counter=frame.counter, code=code, retry_after_ms=retry_after_ms))
            return
        at_ms = self._host.now_ms()
        try:
            if wanted is not None:
                raise Refused(wanted[0], "the test wants it so")
            value = carry_out(self._host.world, device.actor, frame.action, at_ms)
            result = frames.Result(counter=frame.counter, value=value, at_ms=at_ms)
        except Refused as refused:
            result = frames.Result(counter=frame.counter, code=refused.code, reason=refused.reason)
        device.remember(digest_of(frame.action), result)
        self._result(result)
        if isinstance(frame.action, Logout):
            self.hang_up(frames.Close(code=Code.SESSION_ENDED, reason="logged out"))
        self._host.ring()

    def _result(self, result: frames.Result) -> None:
        if self._host.result_is_lost():
            self.cut()
        else:
            self.send(result)

    def pump(self, *, whole: bool = False) -> None:
        """Send what follows in the log while the window is open.

        A range in which the device finds nothing but its own doings waits for the next real entry, unless the
        caller wants the `whole` range told.
        """
        while self.device is not None and not self.closed and not self._must_seek:
            room = limits.EVENTS_IN_FLIGHT_MAX - (self._sent - self._acked)
            head = self._host.world.log(self.device.user).head
            if room <= 0 or self._sent >= head:
                return
            end, entries = self._host.world.pull(
                self.device.actor, self._sent, min(room, limits.EVENTS_PER_FRAME_MAX)
            )
            if not entries and end == head and not whole:
                return
            self._wire.deliver(self._connection.send_events(self._sent, end, entries))
            self._sums[end] = self._sums[self._sent] + sum_terms(entries) & DIGEST_MAX
            self._sent = end
            self.signals.release()

    def _ack(self, frame: frames.Ack) -> None:
        self._acked += frame.count
        if self._acked > self._sent:
            raise RemoteProtocolError("ACK of what was never sent")
        self._commit()
        if frame.digest is not None and not self._must_seek:
            if frame.digest != self._sums.get(self._acked):
                self._resync(ResyncReason.DIVERGED, self._verified)
                return
            self._verified = self._acked
        self.pump()

    def _commit(self) -> None:
        assert self.device is not None
        user = self.device.user
        for number, seq in self._host.world.commit(self.device, self._acked).items():
            signal = frames.Signal(kind=SignalKind.DELIVERED, conversation=number, user=user, value=seq)
            self.signals.tell_members(number, signal)

    def _query(self, frame: frames.Query) -> None:
        assert self.device is not None
        try:
            payload = self._answer(self.device.user, frame)
            reply = frames.Reply(id=frame.id, payload=payload)
        except Refused as refused:
            reply = frames.Reply(id=frame.id, code=refused.code, reason=refused.reason)
        except ValueError as error:
            reply = frames.Reply(id=frame.id, code=Code.INVALID, reason=str(error)[:128])
        self.send(reply)
