"""The planted bugs, each a text of one module and what takes its place."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug: its name, the module, and (before, after) texts; each `before` is there exactly once."""

    name: str
    module: str
    changes: tuple[tuple[str, str], ...]


def _one(name: str, module: str, before: str, after: str) -> Mutant:
    return Mutant(name, module, ((before, after),))


MUTANTS: Final = (
    _one(
        "ack before commit",
        "imserver.core.commit",
        "placed = await self._store.append(writes, marks)",
        "[p.link.send_result(p.counter, 0, 0) for p in batch];"
        " placed = await self._store.append(writes, marks)",
    ),
    _one("disk full is acked", "imserver.core.commit", "code=Code.DISK_FULL,", "code=Code.OK,"),
    Mutant(
        "server commits every third time",
        "imserver.storage.writing",
        (
            ('db.execute("BEGIN IMMEDIATE")', 'db.in_transaction or db.execute("BEGIN IMMEDIATE")'),
            ('db.execute("COMMIT")', 'db.total_changes % 3 or db.execute("COMMIT")'),
        ),
    ),
    Mutant(
        "phone commits every third time",
        "imsdk.store.database",
        (
            ('con.execute("BEGIN IMMEDIATE")', 'con.in_transaction or con.execute("BEGIN IMMEDIATE")'),
            ('con.execute("COMMIT")', 'con.total_changes % 3 or con.execute("COMMIT")'),
        ),
    ),
    _one(
        "dedupe in memory only",
        "imserver.core.sessions",
        "self.accepted = self.decided = device.accepted",
        "self.accepted = self.decided = 0",
    ),
    _one(
        "the last command is decided again",
        "imserver.core.commit",
        "if counter <= session.decided:",
        "if counter < session.decided:",
    ),
    _one(
        "outcomes are not remembered",
        "imserver.core.sessions",
        "self.outcomes.append(digest, code, value, at_ms)",
        "pass",
    ),
    _one(
        "outcomes are not stored",
        "imserver.core.sessions",
        "if device.outcomes:",
        "if not device.outcomes:",
    ),
    _one(
        "cursor not committed with the record",
        "imsdk.store.sqlite",
        'con.execute("UPDATE state SET cursor = ?, base = ?, digest = ?", (end, base, digest))',
        'con.execute("UPDATE state SET base = ?, digest = ?", (base, digest))',
    ),
    _one(
        "cursor committed without the record",
        "imsdk.store.sqlite",
        "    for entry in entries:\n        projection.apply(entry)",
        "    for entry in entries[1:]:\n        projection.apply(entry)",
    ),
    _one(
        "a restored server goes on under the old cursor",
        "imserver.core.proofs",
        "if (frame.epoch or self._store.epoch) != self._store.epoch:",
        "if False:",
    ),
    _one(
        "positions given twice after trimming",
        "imserver.storage.writing",
        " SELECT user, ?2, bytes_total",
        " SELECT user, ?2 - 1, bytes_total",
    ),
    _one(
        "the older connection is left open",
        "imserver.core.attach",
        "older.close(Close(code=Code.REPLACED",
        "repr(Close(code=Code.REPLACED",
    ),
    _one(
        "window of positions ignored",
        "imserver.core.delivery",
        "room = session.acked + _EVENTS_IN_FLIGHT - session.scanned",
        "room = _EVENTS_IN_FLIGHT",
    ),
    _one(
        "more is acked than was",
        "imserver.core.sessions",
        "            self.acked = position\n",
        "            self.acked = position + 1\n",
    ),
    _one(
        "phone acks before it commits",
        "imsdk.link",
        "engine.session.check(frame)",
        "engine.session.check(frame); engine.session.committed(frame.end, 0.0)",
    ),
    _one(
        "tail forgets where it begins",
        "imserver.core.users",
        "self.tail_after += 1",
        "pass",
    ),
    _one(
        "makers are not told of what they made",
        "imserver.core.delivery",
        "if device != own or kind == _CREATED:",
        "if device != own:",
    ),
    _one(
        "read marks of others count as superseded",
        "imserver.core.delivery",
        "newest = {(mark.conversation, mark.sender): mark for mark in entries if mark.kind == _READ}",
        "newest = {(m.conversation, o.sender): m for m in entries for o in entries if m.kind == _READ}",
    ),
    _one(
        "who was removed is told on",
        "imserver.core.conversations",
        '"""Members have changed."""\n        self.recipients = tuple(self.members)',
        '"""Members have changed."""\n        self.recipients = tuple({*self.recipients, *self.members})',
    ),
    _one(
        "a refusal is forgotten",
        "imsdk.store.outbox",
        '"UPDATE outbox SET counter = NULL, code = ?, reason = ? WHERE local = ?",\n                (',
        '"DELETE FROM outbox WHERE ? <> 0 AND ? <> 0 AND local = ?",\n                (',
    ),
    _one(
        "a refusal for now is taken for good",
        "imsdk.session",
        "if again and (due or (",
        "if again and (False or (",
    ),
    _one(
        "unacked commands are not sent again",
        "imsdk.session",
        "        self._judged = self._sent_to = self.acked\n        self._due.clear()\n        self._paused",
        "        self._judged = self.acked\n        self._due.clear()\n        self._paused",
    ),
    _one(
        "shown out of order",
        "imsdk.store.projection",
        "if entry.seq == chat.released + 1 and not chat.held:",
        "if entry.seq > chat.released:",
    ),
    _one(
        "what is known is applied again",
        "imsdk.store.projection",
        "return seq >= first > 0 or spans.has(self._con, chat.key, seq)",
        "return False",
    ),
    _one(
        "a recalled message stays on the disk",
        "imserver.storage.appending",
        "erase(self._db, write.conversation, write.target)",
        "pass",
    ),
    _one(
        "bytes lost behind a full window",
        "imserver.gateway.wire",
        "self._unsent = data[sent:]",
        "self._unsent = data[sent + 1 :]",
    ),
    _one(
        "later frames replace waiting ones",
        "imserver.gateway.wire",
        "self._unsent += data",
        "self._unsent = data",
    ),
    _one(
        "a restore's lost messages stay",
        "imsdk.store.snapshot",
        "own = _drop_divergent(con, chat, page) if reason == GapReason.RESTORED else []",
        "own: list[tuple[int, int, int]] = []",
    ),
    _one(
        "an older membership wins",
        "imsdk.store.members",
        "if user == me and newest:",
        "if user == me:",
    ),
    _one(
        "a history page covers what is not there yet",
        "imsdk.store.snapshot",
        "    if page.first <= last and page.first > 0:",
        "    last = before - 1 if before else last\n    if page.first <= last and page.first > 0:",
    ),
    _one(
        "counted anew after any resync",
        "imsdk.resync",
        "forgotten = link.forgotten",
        "forgotten = link.accepted < session.acked",
    ),
    _one("stopped by one's own stray", "imsdk.engine", " and not self._strays.excuse(ended)", ""),
    _one(
        "a resync looks only at the newest",
        "imsdk.store.snapshot",
        "(all_pages or released < info.head or not",
        "(all_pages or not",
    ),
    _one(
        "a refused window is sent again at once",
        "imsdk.session",
        "if now < self._paused_until or self._due:",
        "if now < self._paused_until:",
    ),
    _one(
        "nobody hears where own messages end",
        "imserver.core.delivery",
        "announce = announce or session.sent < session.quoted",
        "pass",
    ),
    _one(
        "an ACK is due when none may be sent",
        "imsdk.session",
        "        if not self.attached or self.resyncing:\n            return None\n        if self._ack_at",
        "        if not self.attached:\n            return None\n        if self._ack_at",
    ),
    _one(
        "a conversation that is left waits for ever",
        "imsdk.store.snapshot",
        "_skip_holes(con, key, released, GapReason.RESTORED if restored else GapReason.RETENTION)",
        "pass",
    ),
    _one(
        "a cursor of another epoch counts as acknowledged",
        "imserver.core.attach",
        "foreign = reason in (ResyncReason.RESTORED, ResyncReason.FUTURE)",
        "foreign = False",
    ),
    _one(
        "what a restore lost of edits and recalls stays",
        "imsdk.store.snapshot",
        'con.execute("DELETE FROM message WHERE chat = ?", (chat,))',
        'con.execute("DELETE FROM message WHERE chat = ? AND seq >= ?", (chat, first_bad))',
    ),
    _one(
        "what only results told of outlives a restore",
        "imsdk.store.snapshot",
        "iif(id IS NULL, head > 0 AND ?,",
        "iif(id IS NULL, 0 AND ?,",
    ),
    _one(
        "a resync goes through the list once",
        "imsdk.resync",
        "if pages == 1 or len(present) == known:",
        "if head is not None:",
    ),
    _one(
        "long messages are acknowledged late",
        "imsdk.session",
        " or self._unacknowledged_bytes >= ACK_AFTER_BYTES",
        "",
    ),
    _one(
        "commands are sent before their new session is stored",
        "imsdk.session",
        "self.attached = not fresh",
        "self.attached = True",
    ),
    _one(
        "the server's commits are not synced",
        "imserver.storage.schema",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
    ),
    _one(
        "the phone's commits are not synced",
        "imsdk.store.database",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
    ),
    _one(
        "sums are not compared on a connection",
        "imserver.core.sessions",
        "if digest != self.acked_digest:",
        "if False:",
    ),
)
