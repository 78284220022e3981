"""What the fake server knows: logs, conversations, devices, blobs. Plain data: a backup is a deep copy."""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from improtocol import ConversationType, Entry, Kind, Role, Value, pack
from improtocol.commands import ConversationRef
from improtocol.digest import entry_digest, erased_payload, sum_terms
from improtocol.entries import ERASED_PAYLOAD
from improtocol.frames import Result
from improtocol.limits import COMMANDS_IN_FLIGHT_MAX, INT_MAX, SECRET_BYTES

#: Who acts: a user and the name of the device. The fake's own scripted users act from the device "".
Actor = tuple[str, str]

_EDIT_KINDS: Final = (Kind.EDITED, Kind.RECALLED, Kind.REACTED)


@dataclass(slots=True)
class Row:
    """One position of a user's log: a record or a read mark, and who caused it."""

    conversation: int
    seq: int
    actor: Actor
    read: Entry | None = None


@dataclass(slots=True)
class UserLog:
    """A user's log, whose oldest rows may be trimmed. Positions count from 1."""

    rows: list[Row] = field(default_factory=list)
    oldest: int = 1

    @property
    def head(self) -> int:
        return self.oldest + len(self.rows) - 1

    def trim(self, keep: int) -> None:
        """Forget all but the newest `keep` rows."""
        gone = max(0, len(self.rows) - keep)
        del self.rows[:gone]
        self.oldest += gone


@dataclass(slots=True)
class ConversationState:
    """One conversation. `since` is the first sequence number each member may see."""

    id: int
    type: ConversationType
    title: str = ""
    members: dict[str, Role] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    delivered: dict[str, int] = field(default_factory=dict)
    records: list[Entry] = field(default_factory=list)
    #: What each change (edit, recall, reaction) is about: its own sequence number to the message's.
    targets: dict[int, int] = field(default_factory=dict)
    recalled: set[int] = field(default_factory=set)

    @property
    def head(self) -> int:
        return len(self.records)

    def message(self, seq: int) -> Entry | None:
        """The message at `seq`, or None if another kind of record, or nothing, stands there."""
        if not 1 <= seq <= len(self.records) or self.records[seq - 1].kind != Kind.MESSAGE:
            return None
        return self.records[seq - 1]

    def erase(self, target: int) -> None:
        """A recalled message and its edits are given out no more."""
        self.recalled.add(target)
        for index, entry in enumerate(self.records):
            if entry.seq == target or (entry.kind == Kind.EDITED and self.targets[entry.seq] == target):
                payload = erased_payload(entry.kind, target, entry_digest(entry))
                self.records[index] = replace_payload(entry, payload or entry.payload)


@dataclass(slots=True)
class DeviceState:
    """One device of a user: its command stream, which outlives sessions, and its session."""

    user: str
    name: str
    accepted: int = 0
    results: dict[int, tuple[int, Result]] = field(default_factory=dict)
    session: int = 0
    secret: bytes = b""
    committed: int = 0

    @property
    def actor(self) -> Actor:
        return self.user, self.name

    def remember(self, digest: int, result: Result) -> None:
        """Keep the result of an accepted command for retries, as many as may be in flight."""
        self.accepted = result.counter
        self.results[result.counter] = (digest, result)
        self.results.pop(result.counter - COMMANDS_IN_FLIGHT_MAX, None)


@dataclass(slots=True)
class Blob:
    """An uploaded file, as the server found it."""

    data: bytes
    mime: str
    width: int = 0
    height: int = 0
    owners: set[str] = field(default_factory=set)


@dataclass(slots=True)
class World:
    """Everything durable. `ended` are sessions and their secrets; `touched` collects whose logs grew."""

    epoch: int
    rng: Random
    logs: dict[str, UserLog] = field(default_factory=dict)
    conversations: dict[int, ConversationState] = field(default_factory=dict)
    directs: dict[frozenset[str], int] = field(default_factory=dict)
    devices: dict[Actor, DeviceState] = field(default_factory=dict)
    blobs: dict[bytes, Blob] = field(default_factory=dict)
    ended: dict[int, bytes] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    def log(self, user: str) -> UserLog:
        return self.logs.setdefault(user, UserLog())

    def device(self, user: str, name: str) -> DeviceState:
        return self.devices.setdefault((user, name), DeviceState(user, name))

    def draw_id(self) -> int:
        """53 random bits, not 0."""
        return self.rng.randrange(1, INT_MAX)

    def draw_secret(self) -> bytes:
        return self.rng.randbytes(SECRET_BYTES)

    def end_session(self, device: DeviceState) -> None:
        """The device's session is over; whoever has its secret is told so."""
        if device.session:
            self.ended[device.session] = device.secret
            device.session = 0

    def session(self, session: int, secret: bytes) -> DeviceState | None:
        """The device of a session, if the secret is right."""
        for device in self.devices.values():
            if session and device.session == session and device.secret == secret:
                return device
        return None

    def find(self, user: str, ref: ConversationRef) -> ConversationState | None:
        """The conversation that `ref` means to `user`; None if missing or foreign, which look the same."""
        number = self.directs.get(frozenset((user, ref))) if isinstance(ref, str) else ref
        conversation = self.conversations.get(number) if number is not None else None
        return conversation if conversation is not None and user in conversation.members else None

    def create(self, conversation: ConversationState, actor: Actor, at_ms: int) -> int:
        """Put a new conversation and its first record into place; returns that record's sequence number."""
        self.conversations[conversation.id] = conversation
        if conversation.type is ConversationType.DIRECT:
            self.directs[frozenset(conversation.members)] = conversation.id
        members: list[Value] = [[user, int(role)] for user, role in conversation.members.items()]
        conversation.since = dict.fromkeys(conversation.members, 1)
        return self.append(
            conversation, Kind.CREATED, actor, at_ms, [int(conversation.type), conversation.title, members]
        )

    def append(
        self,
        conversation: ConversationState,
        kind: Kind,
        actor: Actor,
        at_ms: int,
        payload: Value,
        target: int = 0,
    ) -> int:
        """One more record, in the log of every member; returns its sequence number."""
        seq = conversation.head + 1
        conversation.records.append(Entry(kind, at_ms, actor[0], conversation.id, seq, pack(payload)))
        if kind in _EDIT_KINDS:
            conversation.targets[seq] = target
        for user in conversation.members:
            self.log(user).rows.append(Row(conversation.id, seq, actor))
            self.touched.add(user)
        return seq

    def mark_read(self, conversation: ConversationState, actor: Actor, at_ms: int, seq: int) -> int:
        """Move a read mark forward, never back; returns the mark as it stands."""
        user = actor[0]
        if seq <= conversation.read.get(user, 0):
            return conversation.read[user]
        conversation.read[user] = seq
        entry = Entry(Kind.READ, at_ms, user, conversation.id, seq, ERASED_PAYLOAD)
        for member in conversation.members:
            self.log(member).rows.append(Row(conversation.id, seq, actor, entry))
            self.touched.add(member)
        return seq

    def pull(self, actor: Actor, after: int, limit: int) -> tuple[int, list[Entry]]:
        """What follows `after` in the log of the actor's user: the end of the range, and its entries.

        What the device did itself is left out, because it has the result; only CREATED tells it an id.
        """
        log = self.log(actor[0])
        rows = log.rows[after - log.oldest + 1 :][:limit]
        entries = []
        for row in rows:
            entry = row.read or self.conversations[row.conversation].records[row.seq - 1]
            if row.actor != actor or entry.kind == Kind.CREATED:
                entries.append(entry)
        return after + len(rows), entries

    def sum_sent(self, actor: Actor, after: int, to: int) -> int:
        """The sum of the terms of what the actor's device is sent of its log's (after, to]."""
        return sum_terms(self.pull(actor, after, to - after)[1])

    def commit(self, device: DeviceState, position: int) -> dict[int, int]:
        """A device has everything up to `position`; returns each conversation's delivered mark that moved."""
        log = self.log(device.user)
        moved: dict[int, int] = {}
        for row in log.rows[max(0, device.committed - log.oldest + 1) : max(0, position - log.oldest + 1)]:
            conversation = self.conversations[row.conversation]
            if row.read is not None or conversation.message(row.seq) is None:
                continue
            if row.seq > conversation.delivered.get(device.user, 0):
                conversation.delivered[device.user] = moved[row.conversation] = row.seq
        device.committed = position
        return moved


def replace_payload(entry: Entry, payload: bytes) -> Entry:
    """`entry` with another payload."""
    return Entry(entry.kind, entry.at_ms, entry.sender, entry.conversation, entry.seq, payload)
