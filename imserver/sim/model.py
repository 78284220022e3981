"""The reference: what the server has promised, told only by what it made durable, commit by commit.

Knows no SQL and shares no code with the core: it counts sequence numbers, positions and counters itself and
keeps who was a member when. Each rule broken is a `Violation` that names its guarantee.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from improtocol.digest import entry_digest
from improtocol.entries import Created, Entry, Erased, Kind, Renamed, read_entry
from improtocol.values import unpack
from imserver.storage.model import NO_ENTRY, Placed, Write

#: Of a fact's text more than this is left out in its middle: messages may have kilobytes, a screen has not.
FACT_CHARACTERS_MAX: Final = 240


class Violation(AssertionError):
    """A promise was broken. The text begins with the guarantee's name."""


def require(true: object, promise: str, *facts: object) -> None:
    """Raise `Violation` unless `true`."""
    if not true:
        raise Violation(f"{promise}: {' '.join(map(shortened, facts))}")


def shortened(fact: object) -> str:
    """`fact` as text of bounded length."""
    text = str(fact)
    half = FACT_CHARACTERS_MAX // 2
    return text if len(text) <= FACT_CHARACTERS_MAX else f"{text[:half]} … {text[-half:]}"


@dataclass(slots=True)
class Room:
    """A conversation: its records (record n at index n - 1), and who may see which of them."""

    id: int
    records: list[Entry] = field(default_factory=list)
    members: set[int] = field(default_factory=set)
    title: str = ""
    roles: dict[int, int] = field(default_factory=dict)
    #: user -> [first, last] intervals; last None while a member.
    spans: dict[int, list[list[int | None]]] = field(default_factory=dict)
    recalled: set[int] = field(default_factory=set)

    def entitled(self, user: int, seq: int) -> bool:
        """Whether `user` may ever see record `seq`."""
        return any(
            first is not None and first <= seq and (last is None or seq <= last)
            for first, last in self.spans.get(user, ())
        )


@dataclass(slots=True, frozen=True)
class Logged:
    """What stands at a log position."""

    device: int
    entry: Entry


@dataclass(slots=True)
class Model:
    """One epoch of the server."""

    epoch: int
    rooms: dict[int, Room] = field(default_factory=dict)
    logs: dict[int, list[Logged]] = field(default_factory=dict)
    accepted: dict[int, int] = field(default_factory=dict)  #: device -> counter
    outcomes: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  #: -> code, value
    posted: dict[bytes, tuple[int, int]] = field(default_factory=dict)  #: payload of a message -> place

    #: user -> an entry of the user's log as the disk gave it once, other than it was written. One for each:
    #: a stretch that comes damaged twice is left as it is.
    flipped: dict[int, Entry] = field(default_factory=dict)

    def copy(self, epoch: int) -> "Model":
        """This state under another epoch: what a restored backup begins with."""
        other = deepcopy(self)
        other.epoch = epoch
        return other

    def committed(self, writes: Sequence[Write], placed: Sequence[Placed]) -> None:
        """A batch has become durable, at this moment."""
        require(len(writes) == len(placed), "G1", "places for", len(placed), "of", len(writes), "writes")
        for write, place in zip(writes, placed, strict=True):
            if write.device:
                self._accept(write, place)
            if write.create is not None:
                require(write.create.id not in self.rooms, "G3", "made twice:", write.create.id)
                self.rooms[write.create.id] = Room(write.create.id)
            if write.kind != NO_ENTRY:
                self._record(write, place)

    def _accept(self, write: Write, place: Placed) -> None:
        before = self.accepted.get(write.device, 0)
        require(write.counter == before + 1, "G2", "device", write.device, write.counter, "after", before)
        self.accepted[write.device] = write.counter
        self.outcomes[write.device, write.counter] = (write.code, place.seq or write.value)

    def _record(self, write: Write, place: Placed) -> None:
        room = self.rooms[write.conversation]
        seq = write.value if write.kind == Kind.READ else place.seq
        entry = Entry(write.kind, write.at_ms, write.author_name, room.id, seq, write.payload)
        before = set(room.members)
        for change in write.members:
            self._change(room, change.user, change.role, len(room.records) + 1)
        if write.kind != Kind.READ:
            require(seq == len(room.records) + 1, "G3", "room", room.id, seq, "after", len(room.records))
            require(set(write.recipients) == before | room.members, "G10", "told", write.recipients)
            room.records.append(entry)
            match read_entry(entry):
                case Created(title=title) | Renamed(title=title):
                    room.title = title
        else:
            require(set(write.recipients) <= room.members, "G10", "read mark told to", write.recipients)
            require(0 < seq <= len(room.records), "G6", "read mark at", seq, "of", len(room.records))
        if write.author and write.kind != Kind.CREATED:
            require(write.author in before, "G10", "written by", write.author, "who is no member")
        if write.kind == Kind.RECALLED:
            room.recalled.add(write.target)
        if write.kind == Kind.MESSAGE:
            require(write.payload not in self.posted, "G2", "stored twice:", write.payload)
            self.posted[write.payload] = (room.id, seq)
        for user, position in zip(write.recipients, place.positions, strict=True):
            log = self.logs.setdefault(user, [])
            require(position == len(log) + 1, "G3", "user", user, "position", position, "of", len(log))
            log.append(Logged(write.device if user == write.author else 0, entry))

    def _change(self, room: Room, user: int, role: int | None, seq: int) -> None:
        spans = room.spans.setdefault(user, [])
        if role is not None:
            room.roles[user] = int(role)
        if role is None:
            room.members.discard(user)
            if spans and spans[-1][1] is None:
                spans[-1][1] = seq
        elif user not in room.members:
            room.members.add(user)
            spans.append([seq, None])

    # What a device may be shown ---------------------------------------------------------------------

    def check_range(self, user: int, device: int, start: int, end: int, entries: Sequence[Entry]) -> None:
        """EVENTS (start, end] as a device committed them: all of it, in order, and nothing else."""
        log = self.logs.get(user, [])
        require(end <= len(log), "G6", "user", user, "is shown position", end, "of", len(log))
        require(start <= end, "G4", "a range that ends before it begins:", start, end)
        theirs = iter(entries)
        got = next(theirs, None)
        for logged in log[start:end]:
            wanted = logged.entry
            own = logged.device == device and wanted.kind != Kind.CREATED
            if not own and got is not None and (self.same(wanted, got) or got == self.flipped.get(user)):
                got = next(theirs, None)
            elif wanted.kind == Kind.READ:
                require(own or self._superseded(log[start:], wanted), "G5", "a read mark is missing")
            else:
                require(own, "G5", f"({start}, {end}] of user {user} lacks", wanted, "next is", got)
        require(got is None, "G6", f"({start}, {end}] of user {user} does not hold", got)

    def same(self, wanted: Entry, got: Entry) -> bool:
        """Byte-identical, or erased because the message was recalled."""
        if wanted == got:
            return True
        named = (wanted.kind, wanted.at_ms, wanted.sender, wanted.conversation, wanted.seq)
        if named != (got.kind, got.at_ms, got.sender, got.conversation, got.seq):
            return False
        recalled = self.rooms[wanted.conversation].recalled
        # What is given out in its place says what it was; what the disk keeps does not.
        said = read_entry(got)
        erased = isinstance(said, Erased) and said.digest in (None, entry_digest(wanted))
        if wanted.kind == Kind.MESSAGE:
            return erased and wanted.seq in recalled
        if wanted.kind == Kind.EDITED:
            value = unpack(got.payload)
            return erased and isinstance(value, list) and value[0] in recalled
        return False

    def _superseded(self, later: Sequence[Logged], mark: Entry) -> bool:
        """Whether a mark that goes further follows, in this range or, as frames are bounded, in the next."""
        return any(
            one.entry.kind == Kind.READ
            and one.entry.sender == mark.sender
            and one.entry.conversation == mark.conversation
            and one.entry.seq > mark.seq
            for one in later
        )

    def check_page(self, user: int, entries: Sequence[Entry]) -> None:
        """Entries of a history page: durable, unchanged, and the user's to see."""
        for entry in entries:
            room = self.rooms.get(entry.conversation)
            known = room is not None and 0 < entry.seq <= len(room.records)
            require(known, "G6", "a page shows what is not durable:", entry)
            assert room is not None
            require(self.same(room.records[entry.seq - 1], entry), "G1", "a page shows it changed:", entry)
            require(room.entitled(user, entry.seq), "G10", "user", user, "is shown", entry)
