"""The states of a connection and which frame may be sent in each, as one table for both ends.

Each end walks the same table with what it sends and what it receives. RESUMING allows commands from the
client because it may send its unacked ones right behind RESUME. `docs/` and SPEC.md draw their diagram from
this table.
"""

from enum import Enum, auto
from typing import Final

from improtocol import frames
from improtocol.frames import Frame


class Side(Enum):
    """Which end of a connection."""

    CLIENT = auto()
    SERVER = auto()

    @property
    def peer(self) -> "Side":
        return Side.SERVER if self is Side.CLIENT else Side.CLIENT


class State(Enum):
    """How far a connection has come."""

    NEW = auto()  #: nothing said yet
    CONNECTING = auto()  #: CONNECT is on its way
    RESUMING = auto()  #: RESUME is on its way
    OPEN = auto()  #: a session is attached
    CLOSED = auto()  #: nothing more may be said


_CLOSE: Final[dict[tuple[Side, type[Frame]], State]] = {
    (Side.CLIENT, frames.Close): State.CLOSED,
    (Side.SERVER, frames.Close): State.CLOSED,
}

TRANSITIONS: Final[dict[State, dict[tuple[Side, type[Frame]], State]]] = {
    State.NEW: {
        (Side.CLIENT, frames.Connect): State.CONNECTING,
        (Side.CLIENT, frames.Resume): State.RESUMING,
        **_CLOSE,
    },
    State.CONNECTING: {(Side.SERVER, frames.Connected): State.OPEN, **_CLOSE},
    State.RESUMING: {
        (Side.CLIENT, frames.Command): State.RESUMING,
        (Side.CLIENT, frames.Query): State.RESUMING,
        (Side.CLIENT, frames.Mode): State.RESUMING,
        (Side.CLIENT, frames.Ping): State.RESUMING,
        (Side.SERVER, frames.Resumed): State.OPEN,
        **_CLOSE,
    },
    State.OPEN: {
        **{
            (Side.CLIENT, frame): State.OPEN
            for frame in (
                frames.Command,
                frames.Ack,
                frames.Seek,
                frames.Query,
                frames.Signal,
                frames.Mode,
                frames.Ping,
                frames.Pong,
            )
        },
        **{
            (Side.SERVER, frame): State.OPEN
            for frame in (
                frames.Result,
                frames.Events,
                frames.Reply,
                frames.Resync,
                frames.Signal,
                frames.Ping,
                frames.Pong,
            )
        },
        **_CLOSE,
    },
    State.CLOSED: {},
}
