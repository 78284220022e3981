"""Entries that come again because what is here differs from what the server has: they take its place."""

import sqlite3

from improtocol import Entry, Kind, pack, unpack
from improtocol import entries as facts


def repair(con: sqlite3.Connection, chat: int, entry: Entry, meaning: facts.Meaning) -> None:
    """Put the body of a message, or of an edit of it, in the place of what a known record says here.

    Other kinds change what is derived from many records; it is left as it is.
    """
    if entry.kind == Kind.MESSAGE and isinstance(meaning, facts.Posted):
        con.execute(
            "INSERT INTO message (chat, seq, sender, at_ms, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (chat, seq) DO UPDATE SET sender = excluded.sender, at_ms = excluded.at_ms,"
            " body = CASE WHEN recall_seq THEN NULL ELSE excluded.body END",
            (chat, entry.seq, entry.sender, entry.at_ms, entry.payload),
        )
    elif isinstance(meaning, facts.Edited):
        con.execute(
            "UPDATE message SET edit_body = ?, edit_ms = ? WHERE chat = ? AND seq = ? AND edit_seq = ?"
            " AND recall_seq = 0",
            (edit_body(entry), entry.at_ms, chat, meaning.target, entry.seq),
        )


def edit_body(entry: Entry) -> bytes:
    """The new body inside of an EDITED payload, packed on its own."""
    value = unpack(entry.payload)
    assert isinstance(value, list)
    return pack(value[1])
