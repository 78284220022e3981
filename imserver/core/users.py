"""A user in memory: the head of the log, its hot tail, and the sessions that hear the doorbell."""

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from improtocol.digest import erased_payload, term_of
from improtocol.entries import Kind
from improtocol.event_codec import Line
from improtocol.values import unpack
from imserver.storage.store import LogEntry, LogHead, log_bytes

if TYPE_CHECKING:
    from imserver.core.sessions import Session

#: Payload bytes of a tail, unless one entry alone has more. Without this the tails of 20,000 users could
#: grow to 64 of the largest messages each.
TAIL_BYTES_MAX: Final = 32 * 1024
_READ: Final = int(Kind.READ)
_CREATED: Final = int(Kind.CREATED)


class Held(Line):
    """A durable entry in memory, one for the tails of all who got it.

    Attributes:
        device: where it came from.
        digest: as it was written, also once it is erased.
        term: what it adds to the sum of what a device was sent.
    """

    __slots__ = ("device", "digest", "term")

    def __init__(
        self,
        device: int,
        digest: int,
        kind: int,
        at_ms: int,
        sender: str,
        conversation: int,
        seq: int,
        payload: bytes,
    ) -> None:
        self.kind = kind
        self.at_ms = at_ms
        self.sender = sender
        self.conversation = conversation
        self.seq = seq
        self.payload = payload
        self.device = device
        self.digest = digest
        self.term = 0 if kind == _READ else term_of(digest, seq)

    def goes_to(self, device: int) -> bool:
        """Whether it is sent to `device`: its own are not, but for what tells who is in a conversation."""
        return self.device != device or self.kind == _CREATED

    def erased(self, payload: bytes) -> "Held":
        """The same with another payload. What was given out stays as it was."""
        return Held(
            self.device, self.digest, self.kind, self.at_ms, self.sender, self.conversation, self.seq, payload
        )


def held(logged: LogEntry) -> Held:
    """What the store has just read."""
    entry = logged.entry
    return Held(
        logged.device,
        logged.digest,
        entry.kind,
        entry.at_ms,
        entry.sender,
        entry.conversation,
        entry.seq,
        entry.payload,
    )


class User:
    """The in-memory side of one user's log.

    `tail` holds the entries of positions `tail_after + 1` .. `head`, all of them: a cursor at or beyond
    `tail_after` is served from memory. It is bounded in entries and in bytes. `sessions` are those in memory,
    of which `attached` have a connection.
    """

    __slots__ = (
        "app",
        "attached",
        "bytes_total",
        "head",
        "id",
        "name",
        "oldest",
        "ready",
        "sessions",
        "tail",
        "tail_after",
        "tail_bytes",
    )

    def __init__(self, id: int, app: int, name: str) -> None:
        self.id = id
        self.app = app
        self.name = name
        self.head = 0
        self.oldest = 1
        self.bytes_total = 0
        self.ready = False
        self.sessions: tuple[Session, ...] = ()
        self.attached = 0
        self.tail: deque[Held] | None = None
        self.tail_after = 0
        self.tail_bytes = 0

    def load(self, log: LogHead) -> None:
        """Take over what the store says, unless commits published meanwhile say more."""
        self.oldest = max(self.oldest, log.oldest)
        if log.head > self.head:
            self.head = log.head
            self.tail = None
        if self.tail is None:
            self.tail_after = self.head
        self.bytes_total = max(self.bytes_total, log.bytes_total)
        self.ready = True

    def publish(self, position: int, held: Held, entry_bytes: int, entries_max: int) -> None:
        """A durable entry came to stand at the head, `position`."""
        tail = self.tail
        if position != self.head + 1 or tail is None:
            if position <= self.head:
                return
            tail = self.tail = deque()
            self.tail_bytes = 0
            self.tail_after = position - 1
        tail.append(held)
        self.head = position
        self.bytes_total += entry_bytes
        self.tail_bytes += entry_bytes
        while len(tail) > entries_max or (self.tail_bytes > TAIL_BYTES_MAX and len(tail) > 1):
            gone = tail.popleft()
            self.tail_after += 1
            self.tail_bytes -= log_bytes(gone.payload)

    def erase(self, conversation: int, target: int) -> None:
        """Message `target` was recalled: give neither it nor its edits out of the tail any more."""
        tail = self.tail or deque()
        for index, one in enumerate(tail):
            if one.conversation == conversation and _message_in(one) == target:
                payload = erased_payload(one.kind, target, one.digest) or one.payload
                self.tail_bytes -= len(one.payload) - len(payload)
                tail[index] = one.erased(payload)

    def forget_tail(self) -> None:
        """Read everything from the store again, which knows best what may still be given out."""
        self.tail = None
        self.tail_after = self.head

    def after(self, position: int, limit: int) -> list[Held]:
        """Up to `limit` entries from the one after `position`, which must not lie before `tail_after`."""
        tail = self.tail
        if tail is None or position >= self.head:
            return []
        missing = self.head - position
        if missing == 1:
            return [tail[-1]]
        start = len(tail) - missing
        return list(tail)[start : start + limit]

    def bytes_after(self, position: int) -> int:
        """What the entries after `position` take, which must not lie before `tail_after`."""
        tail = self.tail
        if tail is None or position >= self.head:
            return 0
        before = position - self.tail_after
        return self.tail_bytes - sum([log_bytes(one.payload) for one in islice(tail, before)])

    def session_of(self, device: int) -> "Session | None":
        """The session of this device, if in memory."""
        for session in self.sessions:
            if session.device == device:
                return session
        return None


def _message_in(line: Line) -> int:
    """The sequence number of the message whose text `line` holds, 0 when it holds none."""
    if line.kind == Kind.MESSAGE:
        return line.seq
    if line.kind == Kind.EDITED:
        edit = unpack(line.payload)
        return edit[0] if isinstance(edit, list) and isinstance(edit[0], int) else 0
    return 0
