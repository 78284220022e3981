"""imsdk: the chat SDK; a durable session over connections that come and go.

    async with imsdk.connect("tcp://127.0.0.1:7400", token=token, data_dir="chat/alice") as im:
        chat = await im.conversation(with_user="bob")
        sent = await chat.send("Hello")   # durable in the outbox
        await sent.acked()                # durable on the server
        async for message in im.messages():
            ...

Rooms, from the wire up:

- `session`    the two resumable streams, without I/O
- `store`      what survives the process: outbox, messages, cursor
- `dialers`, `websocket`  byte streams
- `link`       one connection; `keepalive`, `ending`; `resync` when the log cannot go on; `questions` asked
- `engine`     reconnects for ever; `backoff`, `heartbeat` its policies; `outcomes`, `signals`, `settings`
- `connecting`, `client`, `conversation`, `message`, `changes`, `streams`, `sent`, `state`, `statistics`,
  `errors`     what an app sees
- `drafts`, `uploads`, `media`, `media_interface`  pictures and files
- `testing`    a server in memory for an app's own tests
"""

from improtocol import (
    Button,
    Card,
    Code,
    Content,
    ConversationType,
    Custom,
    Kind,
    Location,
    Media,
    Notice,
    Role,
    Sticker,
    Text,
    Unknown,
)
from imsdk.changes import (
    Change,
    ConversationCreated,
    DeliveredUpTo,
    HistoryDiverged,
    MembersChanged,
    MessageChanged,
    PresenceChanged,
    ReadUpTo,
    Renamed,
    Typing,
)
from imsdk.client import Client
from imsdk.connecting import connect
from imsdk.conversation import Conversation, Receipt
from imsdk.dialers import Dialer, SocketDialer
from imsdk.drafts import File, Image, Video, Voice
from imsdk.errors import (
    Discarded,
    ImError,
    Refused,
    Stopped,
    StorageError,
    StorageFull,
    StorageLocked,
    StorageNewer,
    TransferInterrupted,
    TransferRefused,
    Unavailable,
)
from imsdk.history import Page
from imsdk.message import Gap, Message, Recalled, Shown
from imsdk.sent import Progress, Sent
from imsdk.state import ConnectionState, Phase
from imsdk.statistics import Resume, Statistics
from imsdk.store import MemoryStore, SqliteStore, Store
from imsdk.store.rows import GapReason, MemberRow, OutboxRow

__all__ = [
    "Button",
    "Card",
    "Change",
    "Client",
    "Code",
    "ConnectionState",
    "Content",
    "Conversation",
    "ConversationCreated",
    "ConversationType",
    "Custom",
    "DeliveredUpTo",
    "Dialer",
    "Discarded",
    "File",
    "Gap",
    "GapReason",
    "HistoryDiverged",
    "ImError",
    "Image",
    "Kind",
    "Location",
    "Media",
    "MemberRow",
    "MembersChanged",
    "MemoryStore",
    "Message",
    "MessageChanged",
    "Notice",
    "OutboxRow",
    "Page",
    "Phase",
    "PresenceChanged",
    "Progress",
    "ReadUpTo",
    "Recalled",
    "Receipt",
    "Refused",
    "Renamed",
    "Resume",
    "Role",
    "Sent",
    "Shown",
    "SocketDialer",
    "SqliteStore",
    "Statistics",
    "Sticker",
    "Stopped",
    "StorageError",
    "StorageFull",
    "StorageLocked",
    "StorageNewer",
    "Store",
    "Text",
    "TransferInterrupted",
    "TransferRefused",
    "Typing",
    "Unavailable",
    "Unknown",
    "Video",
    "Voice",
    "connect",
]
