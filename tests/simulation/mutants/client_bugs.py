"""Bugs planted in the SDK, each a text of one module and what takes its place."""

from typing import Final

from tests.simulation.mutants.mutant import Mutant, one

CLIENT_BUGS: Final = (
    Mutant(
        "phone commits every third time",
        "imsdk.store.database",
        (
            ('con.execute("BEGIN IMMEDIATE")', 'con.in_transaction or con.execute("BEGIN IMMEDIATE")'),
            ('con.execute("COMMIT")', 'con.total_changes % 3 or con.execute("COMMIT")'),
        ),
    ),
    one(
        "cursor not committed with the record",
        "imsdk.store.sqlite",
        'con.execute("UPDATE state SET cursor = ?, base = ?, digest = ?", (end, base, digest))',
        'con.execute("UPDATE state SET base = ?, digest = ?", (base, digest))',
    ),
    one(
        "cursor committed without the record",
        "imsdk.store.sqlite",
        "    for entry in entries:\n        projection.apply(entry)",
        "    for entry in entries[1:]:\n        projection.apply(entry)",
    ),
    one(
        "phone acks before it commits",
        "imsdk.link",
        "engine.session.check(frame)",
        "engine.session.check(frame); engine.session.committed(frame.end, 0.0)",
    ),
    one(
        "a refusal is forgotten",
        "imsdk.store.outbox",
        '"UPDATE outbox SET counter = NULL, code = ?, reason = ? WHERE local = ?",\n                (',
        '"DELETE FROM outbox WHERE ? <> 0 AND ? <> 0 AND local = ?",\n                (',
    ),
    one(
        "a refusal for now is taken for good",
        "imsdk.session",
        "if again and (due or (",
        "if again and (False or (",
    ),
    one(
        "unacked commands are not sent again",
        "imsdk.session",
        "        self._judged = self._sent_to = self.acked\n",
        "        self._judged = self.acked\n",
    ),
    one(
        "shown out of order",
        "imsdk.store.projection",
        "if entry.seq == chat.released + 1 and not chat.held:",
        "if entry.seq > chat.released:",
    ),
    one(
        "what is known is applied again",
        "imsdk.store.projection",
        "return seq >= first > 0 or spans.has(self._con, chat.key, seq)",
        "return False",
    ),
    one(
        "a restore's lost messages stay",
        "imsdk.store.snapshot",
        "own = _drop_divergent(con, user, chat, page) if reason == GapReason.RESTORED else []",
        "own: list[tuple[int, int, int]] = []",
    ),
    one(
        "an older membership wins",
        "imsdk.store.members",
        "if user == me and newest:",
        "if user == me:",
    ),
    one(
        "a history page covers what is not there yet",
        "imsdk.store.snapshot",
        "    if page.first <= last and page.first > 0:",
        "    last = before - 1 if before else last\n    if page.first <= last and page.first > 0:",
    ),
    one(
        "counted anew after any resync",
        "imsdk.resync",
        "forgotten = link.forgotten",
        "forgotten = link.accepted < session.acked",
    ),
    one("stopped by one's own stray", "imsdk.engine", " and not self._strays.excuse(ended)", ""),
    one("stopped by an earlier stray", "imsdk.stray", "[trio.current_time()] * STRAYS_BEFORE", "[]"),
    one(
        "a resync looks only at the newest",
        "imsdk.store.snapshot",
        "(all_pages or released < info.head or not",
        "(all_pages or not",
    ),
    one(
        "a refused window is sent again at once",
        "imsdk.session",
        "if now < self._paused_until or self._due:",
        "if now < self._paused_until:",
    ),
    one(
        "an ACK is due when none may be sent",
        "imsdk.session",
        "        if not self.attached or self.resyncing:\n            return None\n        if self._ack_at",
        "        if not self.attached:\n            return None\n        if self._ack_at",
    ),
    one(
        "a conversation that is left waits for ever",
        "imsdk.store.snapshot",
        "_skip_holes(con, key, released, GapReason.RESTORED if restored else GapReason.RETENTION)",
        "pass",
    ),
    one(
        "what a restore lost of edits and recalls stays",
        "imsdk.store.snapshot",
        'con.execute("DELETE FROM message WHERE chat = ?", (chat,))',
        'con.execute("DELETE FROM message WHERE chat = ? AND seq >= ?", (chat, first_bad))',
    ),
    one(
        "what only results told of outlives a restore",
        "imsdk.store.snapshot",
        "iif(id IS NULL, head > 0 AND ?,",
        "iif(id IS NULL, 0 AND ?,",
    ),
    one(
        "a resync goes through the list by activity",
        "imsdk.resync",
        "question = Conversations(after=after, limit=LIST_MAX)",
        "last = page.conversations[-1]; question = Conversations("
        "before_ms=last.changed_ms, before_id=last.conversation, limit=LIST_MAX)",
    ),
    one(
        "any command waiting means a group to be made",
        "imsdk.store.outbox",
        "if isinstance(_action(packed), ask.Create)}",
        "}",
    ),
    one(
        "commands are sent before their new session is stored",
        "imsdk.session",
        "self.attached = not fresh",
        "self.attached = True",
    ),
    one(
        "a group that one joined after the backup stays",
        "imsdk.store.snapshot",
        "(kind == ConversationType.DIRECT or was_present)",
        "kind == ConversationType.DIRECT",
    ),
    one(
        "the phone's commits are not synced",
        "imsdk.store.database",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
    ),
)
