"""Digests: how both ends prove to each other that they hold the same entries.

A record's *digest* is a checksum of what it says, known before it has a place. Its *term* binds the digest to
its sequence number. A stretch of a log is compared by the sum of its terms, modulo 2^32: sums do not depend
on the order they are taken in, and stretches can be added and taken away. Why so: docs/completeness.md.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final
from zlib import crc32

from improtocol.entries import ERASED_PAYLOAD, Entry, Kind
from improtocol.event_codec import pack_int
from improtocol.values import unpack

DIGEST_MAX: Final = 2**32 - 1
#: A recalled message's payload as it travels: a `bin` of its digest, which no body ever is.
_ERASED_HEADER: Final = b"\xc4\x04"
#: A recalled edit, `[target, bin of 4]`, has at most so many bytes.
_ERASED_EDIT_BYTES_MAX: Final = 1 + 9 + 6
_HEADER: Final = Struct(">QBQB").pack
_MESSAGE: Final = int(Kind.MESSAGE)
_EDITED: Final = int(Kind.EDITED)
_READ: Final = int(Kind.READ)


def record_digest(kind: int, at_ms: int, sender: str, conversation: int, payload: bytes) -> int:
    """The digest of a record: CRC-32 of conversation, kind, time, sender and its packed payload.

    Not of its sequence number, so that a database may give that later.
    """
    name = sender.encode()
    return crc32(payload, crc32(_HEADER(conversation, kind, at_ms, len(name)) + name))


def term_of(digest: int, seq: int) -> int:
    """What a record with this digest adds to a sum when it stands at `seq`.

    The finalizer of MurmurHash3 (32 bits). It is not linear: exchanging the places of two records changes
    the sum.
    """
    # The factors 0x9E3779B1, 0x85EBCA6B and 0xC2B2AE35, in halves: compiled, integers above 2^62 are slow.
    seq &= DIGEST_MAX
    x = digest ^ (((seq * 0x9E37 & 0xFFFF) << 16) + seq * 0x79B1 & DIGEST_MAX)
    x ^= x >> 16
    x = ((x * 0x85EB & 0xFFFF) << 16) + x * 0xCA6B & DIGEST_MAX
    x ^= x >> 13
    x = ((x * 0xC2B2 & 0xFFFF) << 16) + x * 0xAE35 & DIGEST_MAX
    return x ^ x >> 16


def erased_payload(kind: int, target: int, digest: int | None) -> bytes | None:
    """What stands for the payload of a recalled message, or of an edit of it.

    None: this kind keeps its own. With a `digest` those who read it now add the same term as those before.
    """
    mark = ERASED_PAYLOAD if digest is None else _ERASED_HEADER + digest.to_bytes(4, "big")
    if kind == _MESSAGE:
        return mark
    if kind == _EDITED:
        return b"\x92" + pack_int(target) + mark
    return None


def entry_digest(entry: Entry) -> int:
    """The digest of an entry as a device received it: an erased one says what it was."""
    payload = entry.payload
    if entry.kind == _MESSAGE and payload[:2] == _ERASED_HEADER and len(payload) == 6:
        return int.from_bytes(payload[2:], "big")
    if entry.kind == _EDITED and len(payload) <= _ERASED_EDIT_BYTES_MAX and _ERASED_HEADER in payload:
        value = unpack(payload)
        if isinstance(value, list) and len(value) == 2 and isinstance(value[1], bytes):
            return int.from_bytes(value[1], "big")
    return record_digest(entry.kind, entry.at_ms, entry.sender, entry.conversation, payload)


def entry_term(entry: Entry) -> int:
    """What a received entry adds to the sum. Read marks add nothing: superseded ones are never sent."""
    return 0 if entry.kind == _READ else term_of(entry_digest(entry), entry.seq)


def sum_terms(entries: Iterable[Entry]) -> int:
    """The sum of the terms of received entries, modulo 2^32."""
    return sum(map(entry_term, entries)) & DIGEST_MAX
