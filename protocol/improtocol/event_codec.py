"""How entries travel: each one as its difference from the one before it on the same connection.

In a chat, most entries follow their predecessor in the same conversation, from the same sender, a moment
later. So an entry is `[payload, dt, sender, conversation, seq]`, cut off where the rest is as the context
says: the same sender, the same conversation, the next sequence number; `dt` is in ms. A message of 45 bytes
costs about 50 this way instead of 75. Header compression by connection context is HPACK's and ROHC's idea
(RFC 7541, RFC 5795); ours is four integers and a string.

Kinds other than MESSAGE put their kind first: `[kind, dt, sender | nil, conversation | nil, seq | nil,
payload]`. A body is never an integer, so the first element tells them apart.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final

from improtocol.entries import Entry, Kind
from improtocol.values import Value, pack

_NIL: Final = b"\xc0"
_READ: Final = int(Kind.READ)
_MESSAGE: Final = int(Kind.MESSAGE)
_SMALL: Final = tuple(pack(number) for number in range(-32, 128))
_PACK_16_BITS: Final = Struct(">BH").pack
_PACK_32_BITS: Final = Struct(">BI").pack
_SHORT_TEXT: Final = tuple(bytes((0xA0 | size,)) for size in range(32))
_SHORT_ARRAY: Final = tuple(bytes((0x90 | length,)) for length in range(16))


def pack_int(number: int) -> bytes:
    """`number` as msgpack; the integers of one, three and five bytes, which are most, without a packer."""
    if -32 <= number < 128:
        return _SMALL[number + 32]
    if 256 <= number < 65_536:
        return _PACK_16_BITS(0xCD, number)
    if 65_536 <= number < 2**32:
        return _PACK_32_BITS(0xCE, number)
    return pack(number)


def pack_text(text: str) -> bytes:
    """`text` as msgpack; the short ones, as user ids are, without a packer."""
    data = text.encode()
    return _SHORT_TEXT[len(data)] + data if len(data) < 32 else pack(text)


def array_header(length: int) -> bytes:
    """The msgpack header of an array of `length` elements (0 to 65,535)."""
    return _SHORT_ARRAY[length] if length < 16 else b"\xdc" + length.to_bytes(2, "big")


class Line:
    """What an entry says, unchecked: for a server that checked it when it decided on it.

    Its attributes are `Entry`'s. Built in a seventh of the time, and when compiled read in much less as well.
    """

    __slots__ = ("at_ms", "conversation", "kind", "payload", "sender", "seq")

    def __init__(
        self, kind: int, at_ms: int, sender: str, conversation: int, seq: int, payload: bytes
    ) -> None:
        self.kind = kind
        self.at_ms = at_ms
        self.sender = sender
        self.conversation = conversation
        self.seq = seq
        self.payload = payload


def line_of(entry: Entry) -> Line:
    """The line of an entry."""
    return Line(entry.kind, entry.at_ms, entry.sender, entry.conversation, entry.seq, entry.payload)


class EventContext:
    """What both ends remember of the entry before: its time, sender, conversation and sequence number.

    One object a direction and connection; a history page uses a fresh one.
    """

    __slots__ = ("at_ms", "conversation", "sender", "seq")

    def __init__(self) -> None:
        self.at_ms = 0
        self.sender = ""
        self.conversation = 0
        self.seq = 0

    def encode_time(self, at_ms: int) -> int:
        """The difference from the last time sent; remembers `at_ms`."""
        difference = at_ms - self.at_ms
        self.at_ms = at_ms
        return difference

    def decode_time(self, difference: Value) -> int:
        """The reverse of `encode_time`."""
        if type(difference) is not int:
            raise ValueError(f"a time difference must be an integer, not {type(difference).__name__}")
        self.at_ms += difference
        return self.at_ms

    def encode(self, line: Line) -> bytes:
        """The wire bytes of `line` after what was encoded before it."""
        kind, sender, conversation, seq = line.kind, line.sender, line.conversation, line.seq
        difference = pack_int(line.at_ms - self.at_ms)
        self.at_ms = line.at_ms
        if kind == _READ:
            parts = (pack_int(kind), difference, pack_text(sender), pack_int(conversation), pack_int(seq))
            return b"\x95" + b"".join(parts)
        same_conversation = conversation == self.conversation
        next_seq = same_conversation and seq == self.seq + 1
        if sender == self.sender:
            sender_said = _NIL
        else:
            sender_said = pack_text(sender)
            self.sender = sender
        self.seq = seq
        if next_seq and kind == _MESSAGE:
            if sender_said is _NIL:
                return b"\x92" + line.payload + difference
            return b"".join((b"\x93", line.payload, difference, sender_said))
        self.conversation = conversation
        conversation_said = _NIL if same_conversation else pack_int(conversation)
        seq_said = _NIL if next_seq else pack_int(seq)
        if kind == _MESSAGE:
            return b"".join((b"\x95", line.payload, difference, sender_said, conversation_said, seq_said))
        said = (pack_int(kind), difference, sender_said, conversation_said, seq_said, line.payload)
        return b"\x96" + b"".join(said)

    def decode(self, value: Value) -> Entry:
        """The entry behind one element of an EVENTS frame or a history page.

        Raises:
            ValueError: the element breaks a rule. The context is then useless, and so is the connection.
        """
        if not isinstance(value, list) or len(value) < 2:
            raise ValueError("an entry must be a list of at least two elements")
        first = value[0]
        is_message = type(first) is not int
        kind: int = _MESSAGE if is_message else first  # type: ignore[assignment]
        at_ms = self.decode_time(value[1])
        sender = value[2] if len(value) > 2 else None
        conversation = value[3] if len(value) > 3 else None
        seq = value[4] if len(value) > 4 else None
        if kind == _READ:
            return Entry(kind, at_ms, sender, conversation, seq, _NIL)  # type: ignore[arg-type]
        if is_message:
            payload = pack(first)
        elif len(value) > 5:
            payload = pack(value[5])
        else:
            raise ValueError(f"an entry of kind {kind} needs a payload")
        if seq is None and conversation is not None and conversation != self.conversation:
            raise ValueError("an entry of another conversation must say its sequence number")
        entry = Entry(
            kind,
            at_ms,
            self.sender if sender is None else sender,  # type: ignore[arg-type]
            self.conversation if conversation is None else conversation,  # type: ignore[arg-type]
            self.seq + 1 if seq is None else seq,  # type: ignore[arg-type]
            payload,
        )
        self.sender = entry.sender
        self.conversation = entry.conversation
        self.seq = entry.seq
        return entry


def encode_entries(entries: Iterable[Entry], context: EventContext | None = None) -> tuple[int, bytes]:
    """How many entries there are, and their bytes one after the other (put `array_header` before them)."""
    context = context or EventContext()
    parts = [context.encode(line_of(entry)) for entry in entries]
    return len(parts), b"".join(parts)


def decode_entries(values: Value, context: EventContext | None = None) -> tuple[Entry, ...]:
    """The entries of an array decoded by msgpack. Raises `ValueError` as `EventContext.decode`."""
    if not isinstance(values, list):
        raise ValueError("entries must be a list")
    context = context or EventContext()
    return tuple(context.decode(value) for value in values)
