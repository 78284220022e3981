"""Bugs planted in the server, each a text of one module and what takes its place."""

from typing import Final

from tests.simulation.mutants.mutant import Mutant, one

SERVER_BUGS: Final = (
    one(
        "ack before commit",
        "imserver.core.commit",
        "placed = await self._store.append(writes, marks)",
        "[p.link.send_result(p.counter, 0, 0) for p in batch];"
        " placed = await self._store.append(writes, marks)",
    ),
    one("disk full is acked", "imserver.core.commit", "code=Code.DISK_FULL,", "code=Code.OK,"),
    Mutant(
        "server commits every third time",
        "imserver.storage.writing",
        (
            (
                'self.db.execute("BEGIN IMMEDIATE")',
                'self.db.in_transaction or self.db.execute("BEGIN IMMEDIATE")',
            ),
            ('self.db.execute("COMMIT")', 'self.db.total_changes % 3 or self.db.execute("COMMIT")'),
        ),
    ),
    one(
        "the journal is not replayed",
        "imserver.storage.writing",
        "for writes in self._journal.replay():",
        "self._journal.stale = False\n            for writes in ():",
    ),
    one(
        "readers do not wait for the tables",
        "imserver.storage.writing",
        "return self._journal.concerns(users, conversation)",
        "return False",
    ),
    one(
        "a rollback forgets what waits in the journal",
        "imserver.storage.writing",
        "        self._journal.stale = True\n",
        "        self._journal.stale = self._journal.stale\n",
    ),
    one(
        "dedupe in memory only",
        "imserver.core.sessions",
        "self.accepted = self.decided = device.accepted",
        "self.accepted = self.decided = 0",
    ),
    one(
        "the last command is decided again",
        "imserver.core.commit",
        "if counter <= session.decided:",
        "if counter < session.decided:",
    ),
    one(
        "outcomes are not remembered",
        "imserver.core.sessions",
        "self.outcomes.append(digest, code, value, at_ms)",
        "pass",
    ),
    one(
        "outcomes are not stored",
        "imserver.core.sessions",
        "if device.outcomes:",
        "if not device.outcomes:",
    ),
    one(
        "a restored server goes on under the old cursor",
        "imserver.core.proofs",
        "if (frame.epoch or self._store.epoch) != self._store.epoch:",
        "if False:",
    ),
    one(
        "positions given twice after trimming",
        "imserver.storage.trimming",
        " SELECT user, ?2, bytes_total",
        " SELECT user, ?2 - 1, bytes_total",
    ),
    one(
        "the older connection is left open",
        "imserver.core.attach",
        "older.close(Close(code=Code.REPLACED",
        "repr(Close(code=Code.REPLACED",
    ),
    one(
        "window of positions ignored",
        "imserver.core.delivery",
        "room = session.acked + _EVENTS_IN_FLIGHT - session.scanned",
        "room = _EVENTS_IN_FLIGHT",
    ),
    one(
        "more is acked than was",
        "imserver.core.sessions",
        "            self.acked = position\n",
        "            self.acked = position + 1\n",
    ),
    one(
        "tail forgets where it begins",
        "imserver.core.users",
        "self.tail_after += 1",
        "pass",
    ),
    one(
        "makers are not told of what they made",
        "imserver.core.delivery",
        "if one.device != own or one.kind == _CREATED:",
        "if one.device != own:",
    ),
    one(
        "read marks of others count as superseded",
        "imserver.core.delivery",
        "newest = {(mark.conversation, mark.sender): mark for mark in entries if mark.kind == _READ}",
        "newest = {(m.conversation, o.sender): m for m in entries for o in entries if m.kind == _READ}",
    ),
    one(
        "who was removed is told on",
        "imserver.core.conversations",
        "conversation.recipients = tuple(conversation.members)",
        "conversation.recipients = tuple({*conversation.recipients, *conversation.members})",
    ),
    one(
        "a recalled message stays on the disk",
        "imserver.storage.appending",
        "erase(self._db, write.conversation, write.target)",
        "pass",
    ),
    one(
        "bytes lost behind a full window",
        "imserver.gateway.wire",
        "self._unsent = data[sent:]",
        "self._unsent = data[sent + 1 :]",
    ),
    one(
        "later frames replace waiting ones",
        "imserver.gateway.wire",
        "self._unsent += data",
        "self._unsent = data",
    ),
    one(
        "nobody hears where own messages end",
        "imserver.core.delivery",
        "announce = announce or session.sent < session.quoted",
        "pass",
    ),
    one(
        "a cursor of another epoch counts as acknowledged",
        "imserver.core.attach",
        "foreign = reason in (ResyncReason.RESTORED, ResyncReason.FUTURE)",
        "foreign = False",
    ),
    one(
        "the server's commits are not synced",
        "imserver.storage.schema",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
    ),
    one(
        "sums are not compared on a connection",
        "imserver.core.sessions",
        "if digest != self.acked_digest:",
        "if False:",
    ),
)
