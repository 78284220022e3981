"""The memory store's tables, and how a write changes them. Plain objects, no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from improtocol.digest import DIGEST_MAX, record_digest, term_of
from improtocol.entries import ERASED_PAYLOAD, Entry, Kind
from improtocol.limits import COMMANDS_IN_FLIGHT_MAX
from imserver.storage.blobs import Blob
from imserver.storage.erasing import as_given_out, erased_payload
from imserver.storage.model import (
    NO_ENTRY,
    App,
    AppKey,
    Device,
    LogHead,
    Marks,
    Member,
    MemberChange,
    NewConversation,
    Outcome,
    Placed,
    StoreBroken,
    Write,
    log_bytes,
)


@dataclass(slots=True)
class LogRow:
    """A log position: a record by its place, or a read mark as it was."""

    device: int
    at_ms: int
    conversation: int
    seq: int
    bytes_total: int
    mark: Entry | None


@dataclass(slots=True)
class Log:
    """A user's log. `rows[0]` has position `floor` + 1; `floor_bytes` is the running sum up to `floor`."""

    rows: list[LogRow] = field(default_factory=list)
    floor: int = 0
    floor_bytes: int = 0

    @property
    def head(self) -> int:
        return self.floor + len(self.rows)

    @property
    def bytes_total(self) -> int:
        return self.rows[-1].bytes_total if self.rows else self.floor_bytes

    def head_row(self) -> LogHead:
        return LogHead(head=self.head, oldest=self.floor + 1, bytes_total=self.bytes_total)


@dataclass(slots=True)
class Record:
    """A record of a conversation; `author` is the id behind `entry.sender`. `digest` outlives its payload."""

    entry: Entry
    author: int
    target: int
    media: frozenset[bytes]
    digest: int

    def given_out(self) -> Entry:
        """The entry as it may leave the store."""
        return as_given_out(self.entry, self.target, self.digest)


@dataclass(slots=True)
class Room:
    """A conversation with its records: `records[0]` has sequence number 1."""

    id: int
    app: int
    type: int
    title: str
    created_ms: int
    direct_users: tuple[int, int] | None = None
    members: dict[int, Member] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    @property
    def head(self) -> int:
        return len(self.records)

    @property
    def changed_ms(self) -> int:
        return self.records[-1].entry.at_ms if self.records else self.created_ms

    def changes_of(self, target: int) -> Iterator[Record]:
        return (record for record in self.records[target:] if record.target == target)


class Tables:
    """Everything a memory store holds."""

    def __init__(self) -> None:
        self.apps: dict[int, App] = {}
        self.keys: dict[tuple[int, str], AppKey] = {}
        self.user_ids: dict[tuple[int, str], int] = {}
        self.user_names: dict[int, str] = {}
        self.devices: dict[int, Device] = {}
        self.seen_ms: dict[int, int] = {}
        self.sessions: dict[int, int] = {}
        self.banned: set[tuple[int, str]] = set()
        self.rooms: dict[int, Room] = {}
        self.direct: dict[tuple[int, int, int], int] = {}
        self.logs: dict[int, Log] = {}
        self.blobs: dict[tuple[int, bytes], Blob] = {}
        self.uploads: set[tuple[int, bytes]] = set()

    def user(self, app: int, name: str) -> int:
        """The user's id, made if new."""
        key = (app, name)
        if key not in self.user_ids:
            user = len(self.user_ids) + 1
            self.user_ids[key] = user
            self.user_names[user] = name
        return self.user_ids[key]

    def apply(self, write: Write) -> Placed:
        """Carry out one write. Raises `StoreBroken` if core decided wrongly; the tables are then useless."""
        if write.device:
            self._check_counter(write)
        placed = Placed(0, ()) if write.code else self._place(write)
        if write.device:
            self._keep_outcome(write, placed.seq or write.value)
        return placed

    def rise(self, marks: Marks) -> None:
        """Move watermarks up."""
        for device, position in marks.acked.items():
            known = self.devices.get(device)
            if known is not None and position > known.acked:
                self.devices[device] = replace(known, acked=position)
        for device, at_ms in marks.seen_ms.items():
            if device in self.devices:
                self.seen_ms[device] = max(self.seen_ms.get(device, 0), at_ms)
        for (conversation, user), seq in marks.delivered.items():
            room = self.rooms.get(conversation)
            member = room.members.get(user) if room is not None else None
            if room is not None and member is not None and seq > member.delivered:
                room.members[user] = replace(member, delivered=seq)

    def trim(self, *, before_ms: int, positions_kept_max: int) -> int:
        """See `Store.trim_logs`."""
        dropped = 0
        for log in self.logs.values():
            count = max(0, len(log.rows) - positions_kept_max)
            while count < len(log.rows) and log.rows[count].at_ms < before_ms:
                count += 1
            if count:
                log.floor_bytes = log.rows[count - 1].bytes_total
                log.floor += count
                del log.rows[:count]
                dropped += count
        return dropped

    def entry_at(self, row: LogRow) -> Entry:
        """What stands in a log row, as it is now."""
        return row.mark or self.rooms[row.conversation].records[row.seq - 1].given_out()

    def digest_at(self, row: LogRow) -> int:
        """The digest of what stands in a log row, as it was written."""
        return 0 if row.mark else self.rooms[row.conversation].records[row.seq - 1].digest

    def log_sum(self, user: int, device: int, after: int, to: int) -> int:
        """See `Store.log_sums`."""
        log = self.logs.get(user, Log())
        total = 0
        for row in log.rows[max(0, after - log.floor) : max(0, to - log.floor)]:
            record = None if row.mark else self.rooms[row.conversation].records[row.seq - 1]
            if record is not None and (row.device != device or record.entry.kind == Kind.CREATED):
                total += term_of(record.digest, row.seq)
        return total & DIGEST_MAX

    # Steps of a write ------------------------------------------------------------------------------------

    def _check_counter(self, write: Write) -> None:
        device = self.devices.get(write.device)
        if device is None:
            raise StoreBroken(f"a write of device {write.device}, which is unknown")
        if write.counter != device.accepted + 1:
            raise StoreBroken(f"device {device.id}: counter {write.counter} after {device.accepted}")

    def _keep_outcome(self, write: Write, value: int) -> None:
        device = self.devices[write.device]
        outcome = Outcome(
            counter=write.counter, digest=write.digest, code=write.code, value=value, at_ms=write.at_ms
        )
        outcomes = (*device.outcomes, outcome)[-COMMANDS_IN_FLIGHT_MAX:]
        device = replace(device, accepted=write.counter, outcomes=outcomes)
        if write.end_session and not write.code:
            self.sessions.pop(device.session, None)
            device = replace(device, session=0, secret_hash=b"", expires_ms=0)
        self.devices[device.id] = device

    def _place(self, write: Write) -> Placed:
        if write.create is not None:
            self._make_room(write.create, write.at_ms)
        if write.kind == NO_ENTRY and not write.members and write.title is None:
            return Placed(0, ())
        room = self.rooms.get(write.conversation)
        if room is None:
            raise StoreBroken(f"a write to conversation {write.conversation}, which is unknown")
        for change in write.members:
            self._change_member(room, change)
        if write.title is not None:
            room.title = write.title
        if write.kind == NO_ENTRY:
            return Placed(0, ())
        mark, seq = None, room.head + 1
        if write.kind == Kind.READ:
            mark, seq = self._mark_read(room, write), write.value
        digest = 0 if mark else self._record(room, write)
        positions = tuple(self._log(user, write, seq, mark) for user in write.recipients)
        return Placed(0 if mark else seq, positions, digest)

    def _make_room(self, new: NewConversation, at_ms: int) -> None:
        if new.id in self.rooms:
            raise StoreBroken(f"conversation {new.id} is there already")
        if new.direct_users is not None:
            pair = (new.app, *new.direct_users)
            if pair in self.direct:
                raise StoreBroken(f"users {new.direct_users} have a direct conversation already")
            self.direct[pair] = new.id
        self.rooms[new.id] = Room(new.id, new.app, new.type, new.title, at_ms, new.direct_users)

    def _change_member(self, room: Room, change: MemberChange) -> None:
        member = room.members.get(change.user)
        if change.role is None:
            room.members.pop(change.user, None)
        elif member is not None:
            room.members[change.user] = replace(member, role=change.role)
        else:
            room.members[change.user] = Member(
                user=change.user,
                name=self.user_names[change.user],
                role=change.role,
                first=room.head + 1,
                read=room.head,
                delivered=room.head,
            )

    def _mark_read(self, room: Room, write: Write) -> Entry:
        member = room.members.get(write.author)
        if member is not None and write.value > member.read:
            room.members[write.author] = replace(member, read=write.value)
        return Entry(Kind.READ, write.at_ms, write.author_name, room.id, write.value, ERASED_PAYLOAD)

    def _record(self, room: Room, write: Write) -> int:
        if write.kind == Kind.RECALLED and 0 < write.target <= room.head:
            self._erase(room.records[write.target - 1])
            for change in room.changes_of(write.target):
                self._erase(change)
        entry = Entry(write.kind, write.at_ms, write.author_name, room.id, room.head + 1, write.payload)
        digest = record_digest(write.kind, write.at_ms, write.author_name, room.id, write.payload)
        room.records.append(Record(entry, write.author, write.target, frozenset(write.media), digest))
        # Core refuses to edit what was recalled; were it not to, the text must be no less gone.
        if write.kind == Kind.EDITED and 0 < write.target < room.head:
            edited = room.records[write.target - 1].entry
            if edited.payload == ERASED_PAYLOAD:
                self._erase(room.records[-1])
        return digest

    def _erase(self, record: Record) -> None:
        payload = erased_payload(record.entry.kind, record.target)
        if payload is not None:
            record.entry = replace(record.entry, payload=payload)
            record.media = frozenset()

    def _log(self, user: int, write: Write, seq: int, mark: Entry | None) -> int:
        log = self.logs.setdefault(user, Log())
        payload = ERASED_PAYLOAD if mark else write.payload
        log.rows.append(
            LogRow(
                write.device if user == write.author else 0,
                write.at_ms,
                write.conversation,
                seq,
                log.bytes_total + log_bytes(payload),
                mark,
            )
        )
        return log.head
