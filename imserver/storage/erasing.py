"""What recalling a message does to the records that carry its text. Erasing is physical."""

from dataclasses import replace

from improtocol.entries import ERASED_PAYLOAD, Entry, Kind
from improtocol.event_codec import pack_int


def erased_payload(kind: int, target: int) -> bytes | None:
    """What replaces the payload of a recalled message, or of an edit of it. None: this kind keeps its own."""
    if kind == Kind.MESSAGE:
        return ERASED_PAYLOAD
    if kind == Kind.EDITED:
        return b"\x92" + pack_int(target) + ERASED_PAYLOAD
    return None


def edited_message(message: Entry, edit_payload: bytes | None) -> Entry:
    """`message` as it stands after its newest edit, whose payload is `[seq of the message, body]`."""
    if edit_payload is None or message.payload == ERASED_PAYLOAD:
        return message
    return replace(message, payload=edit_payload[1 + len(pack_int(message.seq)) :])
