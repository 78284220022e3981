"""Group commit: commands collect while the previous commit is under way, then one transaction takes them all.

`bytes -> command -> [this loop] -> durable -> results, doorbells`. Nothing is acked or shown before its
batch is durable (G1, G6). A batch that does not fit on the disk is refused with a retry time and undone;
any other failure of the store ends the server (G7).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import trio

from improtocol.codes import Code
from improtocol.commands import Action, digest_of
from improtocol.entries import Entry, Kind
from improtocol.frames import Close, Command, Result, ResyncReason
from imserver.core.clock import Clock
from imserver.core.conversations import Conversations
from imserver.core.decide import Decider, Facts, Refused
from imserver.core.delivery import Delivery
from imserver.core.gather import Gatherer
from imserver.core.limits import CoreLimits
from imserver.core.links import FlushList, Link
from imserver.core.sessions import Session
from imserver.core.watermarks import Watermarks
from imserver.storage.store import NO_ENTRY, LogEntry, Outcome, Placed, Store, StoreFull, Write, log_bytes


@dataclass(slots=True)
class Pending:
    """A command that waits for its commit, and the connection that is to hear of it."""

    session: Session
    link: Link
    counter: int
    action: Action


@dataclass(slots=True)
class Decided:
    """What was decided on a pending command: a result to send once the batch is durable.

    `write` is the index of the command's own write in the batch, or -1: then `result` stands already, or
    the outcome of an earlier command under the same counter is to be looked up (`digest` tells whether it
    is the same command).
    """

    pending: Pending
    digest: int = 0
    write: int = -1
    result: Result | None = None


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
        self._gatherer = gatherer
        self._decider = decider
        self._delivery = delivery
        self._watermarks = watermarks
        self._links = links
        self._clock = clock
        self._limits = limits
        self._ended = ended
        self._pending: list[Pending] = []
        self._wake = trio.Event()
        self._idle = trio.Event()
        self._idle.set()
        self.batches = 0
        self.commands = 0

    def __len__(self) -> int:
        return len(self._pending)

    def submit(self, session: Session, link: Link, command: Command) -> None:
        """Queue a command. Its RESULT goes to `link` after the commit, in counter order."""
        if len(self._pending) >= self._limits.commands_pending_max:
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
        self._pending.append(Pending(session, link, command.counter, command.action))
        self.wake()

    def wake(self) -> None:
        """There is something to write: commands, or watermarks that have waited long enough."""
        self._wake.set()
        self._idle = trio.Event() if self._idle.is_set() else self._idle

    async def wait_idle(self) -> None:
        """Return once everything submitted is durable and answered."""
        await self._idle.wait()

    async def run(self) -> None:
        """Commit until cancelled. Raises `StoreBroken` when nothing more may be acked."""
        while True:
            if not self._pending and not self._watermarks.due:
                self._idle.set()
                await self._wake.wait()
            self._wake = trio.Event()
            batch = self._pending[: self._limits.batch_commands_max]
            self._pending = self._pending[self._limits.batch_commands_max :]
            # A batch is finished once begun, also when the server is being stopped: its effects are in
            # memory already.
            with trio.CancelScope(shield=True):
                await self._commit(batch)
            await trio.lowlevel.checkpoint()

    async def _commit(self, batch: Sequence[Pending]) -> None:
        marks = self._watermarks.take()
        decisions: list[Decided] = []
        writes: list[Write] = []
        placed: list[Placed] = []
        try:
            facts = await self._gatherer.gather(batch)
            self._decide(batch, facts, decisions, writes)
            if writes or marks is not None:
                placed = await self._store.append(writes, marks)
        except StoreFull:
            self._undo(batch, writes)
            return
        self.batches += 1
        self.commands += len(batch)
        self._publish(decisions, writes, placed)
        self._conversations.shrink(set(_touched(self._pending)))

    # Deciding --------------------------------------------------------------------------------------

    def _decide(
        self, batch: Sequence[Pending], facts: Facts, decisions: list[Decided], writes: list[Write]
    ) -> None:
        now_ms = self._clock.now_ms()
        for pending in batch:
            # No comprehension: deciding appends to `writes` as well.
            decisions.append(self._decide_one(pending, facts, writes, now_ms))  # noqa: PERF401

    def _decide_one(self, pending: Pending, facts: Facts, writes: list[Write], now_ms: int) -> Decided:
        session, counter = pending.session, pending.counter
        digest = digest_of(pending.action)
        if session.resyncing == ResyncReason.RESTORED or session.ended or counter > session.decided + 1:
            code = Code.SESSION_ENDED if session.ended else Code.OUT_OF_TURN
            reason = f"the next command is {session.decided + 1}"
            return Decided(pending, result=Result(counter=counter, code=code, reason=reason))
        if counter <= session.decided:
            return Decided(pending, digest)
        try:
            made = self._decider.decide(session.user, pending.action, facts, now_ms)
            result = None
        except Refused as refused:
            made = [Write(device=0, at_ms=now_ms, code=refused.code)]
            result = Result(counter=counter, code=refused.code, reason=refused.reason)
        own = made[-1]
        own.device, own.counter, own.digest = session.device, counter, digest
        session.decided = counter
        session.ended = own.end_session
        writes += made
        return Decided(pending, digest, len(writes) - 1, result)

    def _undo(self, batch: Iterable[Pending], writes: Iterable[Write]) -> None:
        """The disk is full: nothing of the batch happened. Forget it and say when to try again."""
        for write in writes:
            if write.conversation:
                self._conversations.forget(write.conversation)
        for pending in batch:
            session = pending.session
            session.pending -= 1
            session.decided = session.accepted
            session.ended = False
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

    def _publish(
        self, decisions: Iterable[Decided], writes: Sequence[Write], placed: Sequence[Placed]
    ) -> None:
        """The batch is durable: remember outcomes, answer, and ring the doorbells."""
        for decided in decisions:
            pending = decided.pending
            session = pending.session
            session.pending -= 1
            if decided.write >= 0:
                write, place = writes[decided.write], placed[decided.write]
                outcome = Outcome(
                    counter=pending.counter,
                    digest=decided.digest,
                    code=write.code,
                    value=place.seq or write.value,
                    at_ms=write.at_ms,
                )
                session.remember(outcome)
                result = decided.result or _result_of(outcome)
                pending.link.send(result)
                if write.end_session:
                    self._ended(session)
            elif decided.result is not None:
                pending.link.send(decided.result)
                if decided.result.code == Code.SESSION_ENDED:
                    pending.link.close(Close(code=Code.SESSION_ENDED))
            else:
                pending.link.send(_repeat(session.outcome(pending.counter), pending.counter, decided.digest))
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
        entry = Entry(write.kind, write.at_ms, write.author_name, write.conversation, seq, write.payload)
        size = log_bytes(write.payload)
        for user_id, position in zip(write.recipients, place.positions, strict=True):
            user = self._delivery.user(user_id)
            if user is None:
                continue
            device = write.device if user_id == write.author else 0
            self._delivery.publish(user, LogEntry(position, device, entry), size)


def _touched(pending: Iterable[Pending]) -> Iterable[int]:
    for one in pending:
        ref = getattr(one.action, "conversation", None)
        if isinstance(ref, int):
            yield ref


def _result_of(outcome: Outcome) -> Result:
    if outcome.code:
        return Result(counter=outcome.counter, code=outcome.code, reason=_AGAIN)
    return Result(counter=outcome.counter, value=outcome.value, at_ms=outcome.at_ms)


_AGAIN = "refused when it was first sent"


def _repeat(outcome: Outcome | None, counter: int, digest: int) -> Result:
    """The original result for a retry, or CONFLICT when it is another command or too old to tell."""
    if outcome is None:
        return Result(
            counter=counter, code=Code.CONFLICT, reason="this counter was used too long ago to tell for what"
        )
    if outcome.digest != digest:
        return Result(counter=counter, code=Code.CONFLICT, reason="this counter was used for another command")
    return _result_of(outcome)
