"""The table of states as one end looks things up in it: where it stands, and what may come next."""

from collections.abc import Mapping
from typing import Final

from improtocol import limits
from improtocol.frames import Frame
from improtocol.layouts import OPCODES
from improtocol.state import TRANSITIONS, Side, State


class Step:
    """One end in one state. Connections share these: an idle one holds a reference to its own.

    Attributes:
        side, state: which.
        sendable: what may be sent, and the state that follows.
        receivable: the same by opcode of what may be received; empty where nothing is heard any more.
        answering: a handshake was begun and is not answered yet.
        frame_bytes_max: of a received frame.
    """

    __slots__ = ("answering", "frame_bytes_max", "receivable", "sendable", "side", "state")

    def __init__(
        self,
        side: Side,
        state: State,
        sendable: Mapping[type[Frame], State],
        receivable: Mapping[int, State],
    ) -> None:
        self.side = side
        self.state = state
        self.sendable = sendable
        self.receivable = receivable
        self.answering = state in (State.CONNECTING, State.RESUMING)
        known = side is Side.CLIENT or state is State.OPEN
        self.frame_bytes_max = limits.FRAME_BYTES_MAX if known else limits.FRAME_BYTES_PREAUTH_MAX

    def deaf(self) -> "Step":
        """The same, but nothing is received any more."""
        return Step(self.side, self.state, self.sendable, {})


def _sendable(state: State, side: Side) -> dict[type[Frame], State]:
    return {frame: to for (sender, frame), to in TRANSITIONS[state].items() if sender is side}


def _receivable(state: State, side: Side) -> dict[int, State]:
    return {int(OPCODES[frame]): to for frame, to in _sendable(state, side.peer).items()}


STEPS: Final[dict[tuple[State, Side], Step]] = {
    (state, side): Step(side, state, _sendable(state, side), _receivable(state, side))
    for state in State
    for side in Side
}
