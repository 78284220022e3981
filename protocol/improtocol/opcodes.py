"""The small enumerations that frames use."""

from enum import IntEnum


class Opcode(IntEnum):
    """The first element of every frame."""

    CONNECT = 1
    RESUME = 2
    COMMAND = 3
    ACK = 4
    QUERY = 5
    SIGNAL = 6
    MODE = 7
    PING = 8
    PONG = 9
    CLOSE = 10
    CONNECTED = 11
    RESUMED = 12
    RESULT = 13
    EVENTS = 14
    REPLY = 15
    RESYNC = 16
    SEEK = 17


class ClientMode(IntEnum):
    """What the app is doing. In the background, receipts, typing and presence wait for the next message."""

    FOREGROUND = 0
    BACKGROUND = 1


class SignalKind(IntEnum):
    """What a SIGNAL says."""

    TYPING = 1  #: somebody types; `text` is the preview, or empty
    PRESENCE = 2  #: `user` came (value 1) or went (value 0)
    DELIVERED = 3  #: a device of `user` has everything up to sequence number `value`
    WATCH = 4  #: client to server: tell me from now on when `user` comes or goes


class ResyncReason(IntEnum):
    """Why the range after a cursor cannot be given."""

    RETENTION = 1  #: the cursor is older than what the log keeps
    RESTORED = 2  #: the server came back from a backup: another epoch
    FUTURE = 3  #: the cursor is beyond the log's head
    DIVERGED = 4  #: the digests differ: positions agree, what stands there does not
