"""Group commit: commands collect while the previous commit is under way, then one transaction takes them all.

`bytes -> command -> [this loop] -> durable -> results, doorbells`. Nothing is acked or shown before its
batch is durable (G1, G6). A batch that does not fit on the disk is refused with a retry time and undone;
any other failure of the store ends the server (G7).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import trio

from improtocol.action_codec import digest_of
from improtocol.codes import Code
from improtocol.entries import Kind
from improtocol.frames import Close, Command, Result, ResyncReason
from improtocol.limits import COMMANDS_IN_FLIGHT_MAX
from imserver.core.clock import Clock
from imserver.core.conversations import Conversations
from imserver.core.decide import Decider
from imserver.core.delivery import Delivery
from imserver.core.facts import Facts, Refused
from imserver.core.gather import Gatherer
from imserver.core.limits import CoreLimits
from imserver.core.links import FlushList, Link
from imserver.core.pending import Pending, repeat, settle
from imserver.core.sessions import Session
from imserver.core.watermarks import Watermarks
from imserver.storage.store import NO_ENTRY, Placed, Store, StoreFull, Write

#: Commands of one session waiting at once, over all connections it had while they waited.
_PENDING_PER_SESSION_MAX: Final = 4 * COMMANDS_IN_FLIGHT_MAX


class CommitLoop:
    """The one writer of records.

    Args:
        ended: called when a session's end is durable.
    """

    def __init__(
        self,
        store: Store,
        conversations: Conversations,
        gatherer: Gatherer,
        decider: Decider,
        delivery: Delivery,
        watermarks: Watermarks,
        links: FlushList,
        clock: Clock,
        limits: CoreLimits,
        ended: Callable[[Session], None],
    ) -> None:
        self._store = store
        self._conversations = conversations
        conversations.crowding = self.wake
        self._gatherer = gatherer
        self._decider = decider
        self._delivery = delivery
        self._watermarks = watermarks
        self._links = links
        self._clock = clock
        self._limits = limits
        self._ended = ended
        self._pending: list[Pending] = []
        #: The batch whose facts are being fetched.
        self._undecided: Sequence[Pending] = ()
        self._wake = trio.Event()
        #: Commands ever submitted and ever answered, and what is set after every batch.
        self._submitted = 0
        self._answered = 0
        self._batch_done = trio.Event()
        self.batches = 0
        self.commands = 0
        self.disk_full = 0

    def __len__(self) -> int:
        return len(self._pending)

    def submit(self, session: Session, link: Link, command: Command) -> None:
        """Queue a command. Its RESULT goes to `link` after the commit, in counter order."""
        # A session has more than its window only when it reconnects faster than batches are written.
        too_many = session.pending >= _PENDING_PER_SESSION_MAX
        if too_many or len(self._pending) >= self._limits.commands_pending_max:
            link.send(
                Result(
                    counter=command.counter,
                    code=Code.OVERLOADED,
                    retry_after_ms=self._limits.disk_full_retry_ms,
                    reason="the server has more to write than it can hold",
                )
            )
            return
        session.pending += 1
        session.unanswered += 1
        self._submitted += 1
        if not self._pending:
            self.wake()
        self._pending.append(Pending(session, link, command.counter, command.action))

    def refuse(self, concerned: Callable[[Session], bool], code: Code, reason: str) -> None:
        """Refuse what these sessions have sent and is not decided yet; their counters stay free."""
        for pending in (*self._undecided, *self._pending):
            if concerned(pending.session):
                pending.result = Result(counter=pending.counter, code=code, reason=reason)

    def wake(self) -> None:
        """There is something to do: commands or watermarks to write, or too much in memory."""
        self._wake.set()

    async def wait_answered(self) -> None:
        """Return once everything submitted so far is durable and answered, or refused."""
        target = self._submitted
        while self._answered < target:
            await self._batch_done.wait()

    async def run(self) -> None:
        """Commit until cancelled. Raises `StoreBroken` when nothing more may be acked."""
        while True:
            if not self._pending and not self._watermarks.due:
                await self._wake.wait()
            self._wake = trio.Event()
            batch = self._pending[: self._limits.batch_commands_max]
            self._pending = self._pending[self._limits.batch_commands_max :]
            # A batch is finished once begun, also when the server is being stopped: its effects are in
            # memory already.
            if batch or self._watermarks.due:
                with trio.CancelScope(shield=True):
                    await self._commit(batch)
            if self._conversations.crowded:
                self._conversations.shrink(set(_touched(self._pending)))
            self._answered += len(batch)
            self._batch_done.set()
            self._batch_done = trio.Event()
            await trio.lowlevel.checkpoint()

    async def _commit(self, batch: Sequence[Pending]) -> None:
        marks = self._watermarks.take()
        writes: list[Write] = []
        placed: list[Placed] = []
        self._undecided = batch
        try:
            facts = await self._gatherer.gather(batch)
            self._decide(batch, facts, writes)
            if writes or marks is not None:
                placed = await self._store.append(writes, marks)
        except StoreFull:
            self.disk_full += 1
            self._undo(batch, writes)
            if marks is not None:
                self._watermarks.put_back(marks)
            return
        self.batches += 1
        self.commands += len(batch)
        self._publish(batch, writes, placed)

    # Deciding --------------------------------------------------------------------------------------

    def _decide(self, batch: Sequence[Pending], facts: Facts, writes: list[Write]) -> None:
        self._undecided = ()
        now_ms = self._clock.now_ms()
        for pending in batch:
            if pending.result is None:
                self._decide_one(pending, facts, writes, now_ms)

    def _decide_one(self, pending: Pending, facts: Facts, writes: list[Write], now_ms: int) -> None:
        session, counter = pending.session, pending.counter
        pending.digest = digest_of(pending.action)
        restored = session.resyncing == ResyncReason.RESTORED
        if restored or session.ended or counter > session.decided + 1:
            code = Code.SESSION_ENDED if session.ended else Code.OUT_OF_TURN
            following = f"the next command is {session.decided + 1}"
            reason = "a RESYNC is under way: SEEK first" if restored else following
            pending.result = Result(counter=counter, code=code, reason=reason)
            return
        if counter <= session.decided:
            return
        try:
            made = self._decider.decide(session.user, pending.action, facts, now_ms, pending.conversation)
        except Refused as refused:
            made = [Write(device=0, at_ms=now_ms, code=refused.code)]
            pending.result = Result(counter=counter, code=refused.code, reason=refused.reason)
        own = made[-1]
        own.device, own.counter, own.digest = session.device, counter, pending.digest
        session.decided = counter
        session.ended = own.end_session
        writes += made
        pending.write = len(writes) - 1

    def _undo(self, batch: Iterable[Pending], writes: Sequence[Write]) -> None:
        """The disk is full: nothing of the batch happened. Forget it and say when to try again."""
        for write in writes:
            if write.conversation:
                self._conversations.forget(write.conversation)
        for pending in batch:
            # Only an end that was decided in this very batch: an earlier one, or the shop's, is durable.
            if pending.write >= 0 and writes[pending.write].end_session:
                pending.session.ended = pending.session.revoked
            settle(pending)
            pending.session.decided = pending.session.accepted
            pending.link.send(
                Result(
                    counter=pending.counter,
                    code=Code.DISK_FULL,
                    retry_after_ms=self._limits.disk_full_retry_ms,
                    reason="the server's disk is full; nothing was stored",
                )
            )
        self._links.flush()

    # Publishing ------------------------------------------------------------------------------------

    def _publish(self, batch: Iterable[Pending], writes: Sequence[Write], placed: Sequence[Placed]) -> None:
        """The batch is durable: remember outcomes, answer, and ring the doorbells."""
        for pending in batch:
            settle(pending)
            session, result = pending.session, pending.result
            if pending.write >= 0:
                write = writes[pending.write]
                value = placed[pending.write].seq or write.value
                session.remember(pending.digest, write.code, value, write.at_ms)
                if result is None:
                    pending.link.send_result(pending.counter, value, write.at_ms)
                else:
                    pending.link.send(result)
                if write.end_session:
                    self._ended(session)
            elif result is not None:
                pending.link.send(result)
                if result.code == Code.SESSION_ENDED:
                    pending.link.close(Close(code=Code.SESSION_ENDED))
            else:
                pending.link.send(repeat(session.outcome(pending.counter), pending.counter, pending.digest))
        for write, place in zip(writes, placed, strict=True):
            if write.kind != NO_ENTRY:
                self._publish_entry(write, place)
        self._delivery.ring()
        self._links.flush()

    def _publish_entry(self, write: Write, place: Placed) -> None:
        if write.kind == Kind.READ:
            seq = write.value
        else:
            seq = place.seq
            conversation = self._conversations.by_id(write.conversation)
            if conversation is not None:
                conversation.head = max(conversation.head, seq)
        self._delivery.publish(write, place, seq)
        if write.kind == Kind.RECALLED:
            for user in map(self._delivery.user, write.recipients):
                if user is not None:
                    user.erase(write.conversation, write.target)
        for change in write.members:
            # Who left misses the later recalls, so what he still has to fetch comes from the store.
            if change.role is None and (gone := self._delivery.user(change.user)) is not None:
                gone.forget_tail()


def _touched(pending: Iterable[Pending]) -> Iterable[int]:
    for one in pending:
        ref = getattr(one.action, "conversation", None)
        if isinstance(ref, int):
            yield ref
