"""What recalling a message does to the records that carry its text. Erasing is physical."""

from dataclasses import replace
from typing import Final

from improtocol.digest import erased_payload as given_out
from improtocol.entries import ERASED_PAYLOAD, Entry, Kind
from improtocol.event_codec import pack_int
from improtocol.values import unpack

#: Of an erased edit: an array of an integer and nil.
_EDIT_BYTES_MAX: Final = 1 + 9 + 1


def erased_payload(kind: int, target: int) -> bytes | None:
    """What is kept in place of the payload of a recalled message, or of an edit of it.

    None: this kind keeps its own.
    """
    return given_out(kind, target, None)


def is_erased(kind: int, payload: bytes) -> bool:
    """Whether this is what is kept of a recalled message, or of an edit of it: `[its target, nil]`."""
    if kind == Kind.EDITED and payload.endswith(ERASED_PAYLOAD) and len(payload) <= _EDIT_BYTES_MAX:
        edit = unpack(payload)
        return isinstance(edit, list) and len(edit) == 2 and edit[1] is None
    return kind == Kind.MESSAGE and payload == ERASED_PAYLOAD


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
