"""The verdict: what must hold once the faults have stopped and the time to recover is over."""

import sqlite3
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from improtocol import Kind, commands, pack, pack_body, unpack
from improtocol.entries import ERASED_PAYLOAD, Entry
from imsdk.state import Phase
from imsdk.store.rows import GAP
from imserver.sim.model import Model, Room, require
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.verify import verify
from imserver.storage.writing import Writer

if TYPE_CHECKING:
    from imserver.sim.phone import Phone
    from imserver.sim.world import World


async def judge(world: "World") -> None:
    """Raise `Violation` unless every promise was kept."""
    model = world.server.model
    _disk_holds(world, model)
    for phone in world.phones:
        _is_there(phone, model)
    for phone in world.phones:
        _outbox_resolved(phone, model)
        _shows_the_truth(phone, model)
        _shown_everything(phone, model)


# The server's disk -----------------------------------------------------------------------------------


def _disk_holds(world: "World", model: Model) -> None:
    """G1: what was committed is on the disk, byte-identical, and nothing else; `verify` finds it sound."""
    # As the next start would have it, journal included, and without a word to the server that lives.
    Writer(world.server.drive.database).read(partial(_tables_hold, model))
    with tempfile.TemporaryDirectory(prefix="imserver-sim-", dir=in_memory()) as folder:
        world.server.drive.put(Path(folder), DATABASE_NAME)
        report = verify(Path(folder))
    require(report.sound, "G1", "verify:", *report.findings)


def _tables_hold(model: Model, database: sqlite3.Connection) -> None:
    rows = database.execute(
        "SELECT r.conversation, r.seq, r.kind, r.at_ms, coalesce(u.name, ''), r.payload FROM record r"
        " LEFT JOIN user u ON u.id = r.author ORDER BY r.conversation, r.seq"
    )
    found: dict[int, list[Entry]] = {}
    for conversation, seq, kind, at_ms, author, payload in rows:
        found.setdefault(conversation, []).append(Entry(kind, at_ms, author, conversation, seq, payload))
    for id_, room in model.rooms.items():
        records = found.pop(id_, [])
        numbers = [record.seq for record in records]
        require(numbers == list(range(1, len(room.records) + 1)), "G1", "the disk has", numbers, "of", id_)
        for wanted, record in zip(room.records, records, strict=True):
            require(model.same(wanted, record), "G1", "the disk has", record, "for", wanted)
            kept = wanted.kind == Kind.MESSAGE and record.payload != ERASED_PAYLOAD
            require(not kept or record.seq not in room.recalled, "recall", "the disk still has", record)
    require(not found, "G6", "records that were never committed:", found)
    heads = dict(database.execute("SELECT user, max(position + count - 1) FROM log GROUP BY user"))
    heads |= {
        user: max(position, heads.get(user, 0))
        for user, position in database.execute("SELECT user, position FROM log_floor")
    }
    require(heads == {user: len(log) for user, log in model.logs.items() if log}, "G3", "log heads", heads)


def in_memory() -> str | None:
    """A folder in memory, where the machine has one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - only a name that is random is made in it


# Each device -----------------------------------------------------------------------------------------


def _is_there(phone: "Phone", model: Model) -> None:
    """G9: attached, at the head, nothing left to say."""
    life = phone.life
    require(life is not None and life.client is not None, "G9", phone.name, "is not running")
    assert life is not None
    assert life.client is not None
    client, watch = life.client, phone.watch
    require(client.state.phase is Phase.ONLINE, "G9", phone.name, "is", client.state)
    require(watch.epoch == model.epoch, "G13", phone.name, "is in epoch", watch.epoch, "not", model.epoch)
    head = len(model.logs.get(watch.user_id, []))
    (cursor,) = phone.database.execute("SELECT cursor FROM state").fetchone()
    require(cursor == watch.cursor, "G4", phone.name, "cursor", cursor, "but committed", watch.cursor)
    skipped = all(one.device == watch.device_id for one in model.logs.get(watch.user_id, [])[cursor:])
    require(cursor <= head and skipped, "G9", phone.name, "is at", cursor, "of", head)
    require(client.engine.synced, "G9", phone.name, "is not synced")
    waiting = phone.database.execute("SELECT local FROM outbox WHERE code = 0").fetchall()
    require(not waiting, "G8", phone.name, "still waits for", waiting)


def _outbox_resolved(phone: "Phone", model: Model) -> None:
    """G8, G1: each command ended; a post that was acked in this epoch is where its result says."""
    rows = dict(phone.database.execute("SELECT local, code FROM outbox"))
    for local, action in phone.watch.sent.items():
        epoch, end = phone.watch.settled.get(local, (0, None))
        require(end is not None, "G8", phone.name, "never learned of", action)
        assert end is not None
        if not isinstance(action, commands.Post) or epoch != model.epoch:
            continue
        place = model.posted.get(pack_body(action.body))
        if end.code:
            require(place is None, "G8", "refused and stored:", action, end)
            require(rows.get(local) == end.code, "G8", phone.name, "has forgotten a refusal:", end)
        else:
            require(place is not None and place[1] == end.seq, "G1", "acked as", end.seq, "is", place)


def _shows_the_truth(phone: "Phone", model: Model) -> None:
    """G3, G4: each message this device has is the message of that number, as it stands after all changes.

    But for those that lie in a gap: of them it was told that they are missing.
    """
    user = phone.watch.user_id
    spans = _spans(phone)
    rows = phone.database.execute(
        "SELECT c.id, m.seq, m.sender, m.at_ms, m.body, m.edit_body, m.recall_seq FROM message m"
        " JOIN chat c ON c.key = m.chat WHERE m.sender <> '' AND c.present"
    ).fetchall()
    for conversation, seq, sender, at_ms, body, edit_body, recalled in rows:
        room = model.rooms.get(conversation)
        require(room is not None and seq <= len(room.records), "G6", phone.name, conversation, seq)
        assert room is not None
        record = room.records[seq - 1]
        require((record.kind, record.sender, record.at_ms) == (Kind.MESSAGE, sender, at_ms), "G1", record)
        known = spans.get(conversation, [])
        gone = seq in room.recalled and _knows(room, user, known, _last_change(room, seq, Kind.RECALLED))
        require(
            bool(recalled) == gone or seq in room.recalled, "G4", phone.name, "recall of", conversation, seq
        )
        require(not gone or recalled, "G4", phone.name, "shows what was recalled:", conversation, seq)
        if not recalled:
            shown = edit_body or body
            right = shown == _body(room, seq, user, known) or _never_compared(phone, model, record, shown)
            require(right, "G4", phone.name, "shows", conversation, seq, "otherwise")
    for id_, present in phone.database.execute("SELECT id, present FROM chat WHERE id IS NOT NULL"):
        room = model.rooms.get(id_)
        member = room is not None and user in room.members
        require(bool(present) == member, "G10", phone.name, "present in", id_, present, "member", member)
    for id_, title, role, read in phone.database.execute(
        "SELECT id, title, role, read FROM chat WHERE id IS NOT NULL AND present AND NOT stale"
    ):
        room = model.rooms[id_]
        right = (title, role) == (room.title, room.roles[user])
        require(right, "G4", phone.name, "in", id_, title, role, "not", room.title, room.roles[user])
        require(read <= len(room.records), "G6", phone.name, "has read", id_, "up to", read)
    chats = {id_ for (id_,) in phone.database.execute("SELECT id FROM chat WHERE id IS NOT NULL")}
    missing = [room.id for room in model.rooms.values() if user in room.members and room.id not in chats]
    require(not missing, "G5", phone.name, "does not know of", missing)


def _never_compared(phone: "Phone", model: Model, record: Entry, shown: bytes) -> bool:
    """Whether it came with a wrong bit from a log that was trimmed before anybody could compare it."""
    flipped = model.flipped.get(phone.watch.user_id)
    return phone.watch.trimmed and flipped == replace(record, payload=shown)


def _spans(phone: "Phone") -> dict[int, list[tuple[int, int]]]:
    """The ranges of numbers that a device has, by conversation."""
    found: dict[int, list[tuple[int, int]]] = {}
    for id_, first, last in phone.database.execute(
        "SELECT c.id, s.first, s.last FROM span s JOIN chat c ON c.key = s.chat WHERE c.id IS NOT NULL"
    ):
        found.setdefault(id_, []).append((first, last))
    return found


def _knows(room: Room, user: int, spans: list[tuple[int, int]], seq: int) -> bool:
    """Whether a record is `user`'s to see, and here."""
    return room.entitled(user, seq) and any(first <= seq <= last for first, last in spans)


def _last_change(room: Room, target: int, kind: Kind) -> int:
    """The number of the last record that changes `target` in this way, 0 if none."""
    return max((r.seq for r in room.records if r.kind == kind and _target(r) == target), default=0)


def _target(record: Entry) -> int:
    value = unpack(record.payload)
    return value[0] if isinstance(value, list) and isinstance(value[0], int) else 0


def _body(room: Room, seq: int, user: int, spans: list[tuple[int, int]]) -> bytes:
    """The body of a message after the edits that `user`'s device knows of."""
    edits = [
        r
        for r in room.records
        if r.kind == Kind.EDITED and _target(r) == seq and _knows(room, user, spans, r.seq)
    ]
    if not edits:
        return room.records[seq - 1].payload
    value = unpack(edits[-1].payload)
    assert isinstance(value, list)
    return pack(value[1])


def _shown_everything(phone: "Phone", model: Model) -> None:
    """G4, G5: the app was shown each message it may see, once, in order; what is missing is a typed gap."""
    user = phone.watch.user_id
    feed: dict[int, list[tuple[int, int, bytes | None]]] = {}
    for chat, seq, kind, payload in phone.database.execute(
        "SELECT c.id, f.seq, f.kind, f.payload FROM feed f JOIN chat c ON c.key = f.chat"
        " WHERE f.position IS NOT NULL AND f.kind <> 4 AND c.id IS NOT NULL ORDER BY f.position"
    ):
        feed.setdefault(chat, []).append((seq, kind, payload))
    held = phone.database.execute("SELECT chat, seq FROM feed WHERE position IS NULL").fetchall()
    require(not held, "G9", phone.name, "still holds back", held)
    for room in model.rooms.values():
        shown = feed.get(room.id, [])
        if not phone.watch.restored:
            numbers = [seq for seq, _, _ in shown]
            require(numbers == sorted(set(numbers)), "G4", phone.name, "shows", room.id, "as", numbers)
        if user not in room.members:
            continue
        covered = {seq for seq, _, _ in shown}
        for seq, kind, payload in shown:
            if kind == GAP:
                last = unpack(payload or b"\x92\x00\x00")
                assert isinstance(last, list)
                assert isinstance(last[0], int)
                covered |= set(range(seq, last[0] + 1))
        first = room.spans[user][-1][0] or 1
        missing = [r.seq for r in room.records if r.seq >= first and r.seq not in covered]
        require(not missing, "G5", phone.name, "was never told of", room.id, missing)
    positions = [
        p
        for (p,) in phone.database.execute(
            "SELECT position FROM feed WHERE position IS NOT NULL AND kind IN (0, -1, -2) ORDER BY position"
        )
    ]
    unshown = [p for p in positions if p not in phone.watch.journal]
    require(not unshown, "G4", phone.name, "did not show", unshown)
