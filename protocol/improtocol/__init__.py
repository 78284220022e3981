"""improtocol: the wire protocol of imserver, without I/O.

Rooms, from the bytes up:

- `framing`      bytes <-> frames: varint length, one buffer
- `values`       the msgpack dialect and its bounds
- `frames`       one frozen class a frame (`handshake`, `opcodes`); `layouts` the order of their fields
- `commands`     what a client asks to happen (`group_commands`); `counters` how they are numbered
- `body`         what a message can be: `content` (`media_content`, `card`) with reply and mentions
- `entries`      what has happened; `event_codec` how entries travel, as differences; `digest` how they are
  proved equal
- `queries`      `questions` and their `answers`
- `codes`        why things end or are refused, in ranges that say what to do
- `state`        which frame may follow which, as one table for both ends; `steps` looks things up in it
- `connection`   all of it together: bytes in, next event, event to bytes
- `limits`       every number, with its unit

SPEC.md beside this package says the same for people who write a client in another language; vectors/ has
golden frames. Nothing here knows trio, sockets, files or clocks.
"""

from improtocol.body import Body
from improtocol.body_codec import body_from_value, pack_body, read_body
from improtocol.codes import Action as NextAction
from improtocol.codes import Code, action_of
from improtocol.connection import NEED_DATA, Connection, NeedData, close_for
from improtocol.content import (
    Button,
    Card,
    Content,
    Custom,
    File,
    Image,
    Location,
    Media,
    Notice,
    Sticker,
    Text,
    Unknown,
    Video,
    Voice,
    media_of,
)
from improtocol.entries import ConversationType, Entry, Kind, Role, read_entry
from improtocol.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from improtocol.frames import ClientMode, Frame, Opcode, ResyncReason, SignalKind
from improtocol.state import TRANSITIONS, Side, State
from improtocol.values import Value, pack, unpack

__all__ = [
    "NEED_DATA",
    "TRANSITIONS",
    "Body",
    "Button",
    "Card",
    "ClientMode",
    "Code",
    "Connection",
    "Content",
    "ConversationType",
    "Custom",
    "Entry",
    "File",
    "Frame",
    "Image",
    "Kind",
    "LocalProtocolError",
    "Location",
    "Media",
    "NeedData",
    "NextAction",
    "Notice",
    "Opcode",
    "ProtocolError",
    "RemoteProtocolError",
    "ResyncReason",
    "Role",
    "Side",
    "SignalKind",
    "State",
    "Sticker",
    "Text",
    "Unknown",
    "Value",
    "Video",
    "Voice",
    "action_of",
    "body_from_value",
    "close_for",
    "media_of",
    "pack",
    "pack_body",
    "read_body",
    "read_entry",
    "unpack",
]
