"""The session, without I/O: two resumable streams and what to do next on each.

A `Session` holds no more than a few integers. The outbox itself lies in the store; the session says which
counters of it may be sent now. The log too; the session says whether a range fits. Rules of use: decide here
synchronously, commit to the store, then tell the session that it was committed (`committed`, `settled`), so
that a crash between any two steps loses nothing.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from improtocol import Code, NextAction, RemoteProtocolError, action_of, limits
from improtocol.frames import Ack, Connect, Connected, Events, Result, Resume, Resumed
from imsdk.proof import Proof
from imsdk.store.rows import Identity

#: Half of the window: the server never waits for an ACK while the other half is on its way.
ACK_AFTER: Final = limits.EVENTS_IN_FLIGHT_MAX // 2
#: So many bytes of payloads as well: long messages close the window before their number does.
ACK_AFTER_BYTES: Final = limits.EVENT_BYTES_IN_FLIGHT_MAX // 2
#: Longest time less than that waits for something to ride along with.
ACK_DELAY_S: Final = 1.0
#: Shortest pause after a refusal that may pass, whatever the server asks for. Each further one in a row is
#: twice as long, and after it one command tries: a disk may be full for half an hour, and a whole window of
#: 16 KiB each, ten times a second for so long, would be 10 GiB. As it is, it is some 430 commands.
PAUSE_S_MIN: Final = 0.1
#: Longest pause on our own account, and how much later than necessary messages go once there is room again.
PAUSE_S_MAX: Final = 5.0


class Verdict(Enum):
    """What a RESULT means."""

    SETTLED = auto()  #: commit it: the counter is used up, with a record or a refusal
    PAUSED = auto()  #: not accepted; everything from this counter on is sent again later
    STALE = auto()  #: an answer to what is or will be sent again, or is settled already


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A session is attached: the log's head as the server quoted it, and how much is missing up to there."""

    head: int
    behind_events: int
    fresh: Connected | None = None  #: a new session, to be kept before anything else
    skip_to: int = 0  #: the server has accepted counters up to here that this store never gave


class Session:
    """One device's session across connections.

    Args:
        identity: as the store has it.
    """

    def __init__(self, identity: Identity) -> None:
        self.device = identity.device
        self.session = identity.session
        self.secret = identity.secret
        self.epoch = identity.epoch
        self.cursor = identity.cursor
        self.acked = identity.acked  #: every counter up to here has its result committed
        self.proof = Proof(identity.cursor, identity.base, identity.digest)
        self.attached = False
        self.resyncing = False
        self._judged = identity.acked  #: results up to here were judged, if not yet committed
        self._sent_to = identity.acked
        self._due: deque[int] = deque()  #: counters sent on this connection and not answered yet
        self._paused_until: float | None = None
        self._pause_s = 0.0  #: the last pause as far as it is ours; 0 once a result is settled
        self._unacknowledged = self._unacknowledged_bytes = 0
        self._ack_at: float | None = None
        self._sent_most = 0  #: highest counter sent on this connection
        self._hole = (-1, -1)  #: the counters before and after those that are left out; -1: none are

    # Opening ----------------------------------------------------------------------------------------

    @property
    def needs_token(self) -> bool:
        """There is no session to resume."""
        return not self.session

    def open(self, token: str, mode: int) -> Connect | Resume:
        """The first frame of a connection. `token` is used only when `needs_token`."""
        self.attached = False
        self.resyncing = False
        self._judged = self._sent_to = self.acked
        self._due.clear()
        # The pause ends, as another server may answer, or the same one after a restart. Its length stays:
        # nothing is settled yet, and where the network breaks every few seconds, no whole window may go out
        # behind every RESUME. So a new connection costs one command.
        self._paused_until = None
        self._unacknowledged = self._unacknowledged_bytes = 0
        self._ack_at = None
        self._sent_most = 0
        self._hole = (-1, -1)
        digest, span = self.proof.claim()
        if self.needs_token:
            return Connect(
                token=token,
                device=self.device,
                epoch=self.epoch,
                cursor=self.cursor,
                mode=mode,
                digest=digest,
                span=span,
            )
        return Resume(
            session=self.session,
            secret=self.secret,
            epoch=self.epoch,
            cursor=self.cursor,
            next=self.acked + 1,
            mode=mode,
            digest=digest,
            span=span,
        )

    def attach(self, frame: Connected | Resumed) -> Attached:
        """The server's answer to `open`.

        After a `fresh` one call `renew` with the store's identity, before anything else: until then nothing
        may be sent, as the commands may be counted anew.
        """
        fresh = isinstance(frame, Connected)
        self.attached = not fresh
        self.proof.attached(frame.resync)
        return Attached(
            head=frame.head if fresh or frame.head else self.cursor,
            behind_events=frame.behind_events,
            fresh=frame if isinstance(frame, Connected) else None,
            skip_to=frame.accepted,
        )

    def renew(self, identity: Identity) -> None:
        """Take over what the store made of a new session: other counters, perhaps."""
        self.session, self.secret, self.epoch = identity.session, identity.secret, identity.epoch
        self.acked = self._judged = self._sent_to = identity.acked
        self._due.clear()
        self.attached = True

    def forget(self) -> None:
        """The server does not know the session any more; the streams go on after the next login."""
        self.session, self.secret = 0, b""

    # Commands ---------------------------------------------------------------------------------------

    def sendable(self, now: float) -> tuple[int, int]:
        """(after, limit): which numbered commands may be sent now; limit 0 means none.

        Before RESUMED only as many as the window takes may follow RESUME; after CONNECT none before
        CONNECTED. After a refusal that may pass it is one, until a result is settled.
        """
        if self.resyncing or (not self.attached and self.needs_token):
            return self._sent_to, 0
        if self._paused_until is not None:
            # Every command is answered while the connection lives, however slow the server; sent again before
            # that, they would be more than the window holds, and the server hangs up for good.
            if now < self._paused_until or self._due:
                return self._sent_to, 0
            self._paused_until = None
            self._sent_to = self._judged
        window = 1 if self._pause_s else limits.COMMANDS_IN_FLIGHT_MAX
        # From the last result that is committed: the server keeps so many, and the next life of this app
        # asks again for those that only memory has.
        return self._sent_to, window - (self._sent_to - self.acked)

    def sent(self, counter: int) -> None:
        """Command `counter` was put on the wire."""
        if counter > self._sent_to + 1:
            # Numbers that the server has taken and this store never gave (`skip_counters`).
            self._hole = (self._sent_to, counter)
        self._sent_to = counter
        self._sent_most = max(self._sent_most, counter)
        self._due.append(counter)

    @property
    def wake_at(self) -> float | None:
        """When `sendable` may have something although nothing new came: the end of a pause."""
        if self._paused_until is None or self.resyncing or self._due:
            return None  # a time that has passed and lets nothing be sent would wake the writer for ever
        return self._paused_until

    @property
    def in_flight(self) -> int:
        """Commands sent on this connection and not answered yet."""
        return len(self._due)

    def judge(self, result: Result, now: float) -> Verdict:
        """What a RESULT means; SETTLED ones have to be committed, in the order they came."""
        self.proof.answered(result.counter)
        again = result.code != Code.OK and action_of(result.code) is not NextAction.REFUSED
        if again and result.counter in self._due:
            # An overloaded server refuses at once, while results of earlier commands are still to come.
            self._due.remove(result.counter)
        while self._due and self._due[0] <= result.counter and not again:
            self._due.popleft()
        before, after = self._hole
        due = result.counter == (after if self._judged == before else self._judged + 1)
        if again and (due or (result.counter > self._judged and result.code != Code.OUT_OF_TURN)):
            if self._paused_until is None or not self._pause_s:
                # Once for a flight: a server whose disk is full says so to each command of it.
                self._pause_s = min(PAUSE_S_MAX, max(PAUSE_S_MIN, 2 * self._pause_s))
            pause_s = max(self._pause_s, result.retry_after_ms / 1000)
            self._paused_until = max(self._paused_until or 0.0, now + pause_s)
            return Verdict.PAUSED
        if not due:
            # After a refusal the rest of the flight comes back as OUT_OF_TURN; it is sent again anyway.
            return Verdict.STALE
        self._judged = result.counter
        self._pause_s = 0.0
        return Verdict.SETTLED

    def settled(self) -> None:
        """Every result judged SETTLED so far is committed."""
        self.acked = self._judged

    # Events -----------------------------------------------------------------------------------------

    def check(self, frame: Events) -> None:
        """The range must begin at the cursor.

        Raises:
            RemoteProtocolError: it does not; nothing may be committed. Drop the connection and resume.
        """
        if frame.start != self.cursor:
            raise RemoteProtocolError(f"events begin at {frame.start}, the cursor is {self.cursor}")
        self.proof.reached(frame.end)

    def committed(self, end: int, now: float, digest: int = 0, entries: int = 0, size: int = 0) -> None:
        """The range up to `end` is in the store, with the cursor.

        It held so many entries, whose payloads have `size` bytes and whose terms sum up to `digest`.
        """
        self._unacknowledged_bytes += size
        self.proof.committed(end, digest, entries)
        self._unacknowledged += end - self.cursor
        self.cursor = end
        if self._unacknowledged and self._ack_at is None:
            self._ack_at = now + ACK_DELAY_S

    @property
    def ack_at(self) -> float | None:
        """When an ACK should go out even if nothing else does."""
        if not self.attached or self.resyncing:
            return None
        if self._ack_at is None:
            return None
        much = self._unacknowledged >= ACK_AFTER or self._unacknowledged_bytes >= ACK_AFTER_BYTES
        return 0.0 if much else self._ack_at

    def take_ack(self, *, compare: bool = False) -> Ack | None:
        """The ACK to send now, because it is due or something else is being sent anyway.

        `compare`: with the sum of what was committed, if that was not compared yet.
        """
        if not self.attached or self.resyncing or not (self._unacknowledged or compare):
            return None
        digest = self.proof.tell(self.cursor - self._unacknowledged, self._sent_most, now=compare)
        if not self._unacknowledged and digest is None:
            return None
        ack = Ack(count=self._unacknowledged, digest=digest)
        self._unacknowledged = self._unacknowledged_bytes = 0
        self._ack_at = None
        return ack

    def before_ping(self) -> Ack | None:
        """A PING is about to be sent: what may be compared before it, so that its answer confirms it."""
        ack = self.take_ack(compare=True)
        self.proof.pinged()
        return ack

    # Resync -----------------------------------------------------------------------------------------

    def begin_resync(self) -> None:
        """The server cannot give the range after the cursor; no command is sent until the end of it."""
        self.resyncing = True

    def end_resync(self, identity: Identity) -> None:
        """The snapshot is committed; the store's identity has the new cursor, epoch and counters."""
        self.resyncing = False
        self.epoch, self.cursor = identity.epoch, identity.cursor
        self.proof.seek(identity.cursor)
        self.acked = identity.acked
        self._judged = max(self._judged, self.acked)
        self._unacknowledged = self._unacknowledged_bytes = 0
        self._ack_at = None


def is_refusal_of_session(code: int) -> bool:
    """Does this close code mean that session and secret are worthless?"""
    return code in (Code.SESSION_UNKNOWN, Code.SESSION_EXPIRED, Code.SESSION_ENDED)
