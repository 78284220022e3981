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
        sendable: what may be sent, and the step that follows.
        receivable: the same by opcode of what may be received; empty where nothing is heard any more.
        answering: a handshake was begun and is not answered yet.
        frame_bytes_max, values_max: of a received frame.
    """

    __slots__ = ("answering", "frame_bytes_max", "receivable", "sendable", "side", "state", "values_max")

    def __init__(self, side: Side, state: State) -> None:
        self.side = side
        self.state = state
        self.sendable: Mapping[type[Frame], Step] = {}
        self.receivable: Mapping[int, Step] = {}
        self.answering = state in (State.CONNECTING, State.RESUMING)
        known = side is Side.CLIENT or state is State.OPEN
        self.frame_bytes_max = limits.FRAME_BYTES_MAX if known else limits.FRAME_BYTES_PREAUTH_MAX
        # A page of history may be full of custom messages: what a client gets is bounded by its bytes.
        self.values_max = limits.FRAME_BYTES_MAX if side is Side.CLIENT else limits.VALUES_MAX

    def deaf(self) -> "Step":
        """The same, but nothing is received any more."""
        deaf = Step(self.side, self.state)
        deaf.sendable = self.sendable
        return deaf


def _steps() -> dict[tuple[State, Side], Step]:
    steps = {(state, side): Step(side, state) for state in State for side in Side}
    for (state, side), step in steps.items():
        following = [(who, frame, steps[to, side]) for (who, frame), to in TRANSITIONS[state].items()]
        step.sendable = {frame: to for who, frame, to in following if who is side}
        step.receivable = {int(OPCODES[frame]): to for who, frame, to in following if who is not side}
    return steps


STEPS: Final[dict[tuple[State, Side], Step]] = _steps()
#: Where a connection begins.
NEW_CLIENT: Final = STEPS[State.NEW, Side.CLIENT]
NEW_SERVER: Final = STEPS[State.NEW, Side.SERVER]
