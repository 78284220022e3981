"""What recalling a message does to the records that carry its text. Erasing is physical."""

from dataclasses import replace

from improtocol.digest import erased_payload as given_out
from improtocol.entries import ERASED_PAYLOAD, Entry, Kind
from improtocol.event_codec import pack_int


def erased_payload(kind: int, target: int) -> bytes | None:
    """What is kept in place of the payload of a recalled message, or of an edit of it.

    None: this kind keeps its own.
    """
    return given_out(kind, target, None)


def as_given_out(entry: Entry, target: int, digest: int | None) -> Entry:
    """`entry` as it may leave the store: one that is kept erased says its digest, if that is known."""
    kind, payload = entry.kind, entry.payload
    # Most entries are not erased: two comparisons for them.
    if digest is None or not payload.endswith(ERASED_PAYLOAD) or kind not in (Kind.MESSAGE, Kind.EDITED):
        return entry
    told = given_out(kind, target, digest)
    if told is None or payload != erased_payload(kind, target):
        return entry
    return replace(entry, payload=told)


def edited_message(message: Entry, edit_payload: bytes | None) -> Entry:
    """`message` as it stands after its newest edit, whose payload is `[seq of the message, body]`."""
    if edit_payload is None or message.payload == ERASED_PAYLOAD:
        return message
    return replace(message, payload=edit_payload[1 + len(pack_int(message.seq)) :])
