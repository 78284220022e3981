"""The table of states as one end looks things up in it: frames it may send, opcodes it may receive."""

from collections.abc import Mapping
from typing import Final

from improtocol.frames import Frame
from improtocol.layouts import OPCODES
from improtocol.state import TRANSITIONS, Side, State

#: What `side` may send in `state`, and the state that follows.
SENDABLE: Final[dict[tuple[State, Side], Mapping[type[Frame], State]]] = {
    (state, side): {frame: to for (sender, frame), to in row.items() if sender is side}
    for state, row in TRANSITIONS.items()
    for side in Side
}
#: What `side` may receive in `state`, by opcode, and the state that follows.
RECEIVABLE: Final[dict[tuple[State, Side], Mapping[int, State]]] = {
    (state, side): {int(OPCODES[frame]): to for frame, to in SENDABLE[state, side.peer].items()}
    for state, side in SENDABLE
}
