"""What the hot paths may cost, in counts: the one place to change when a path costs less, or must cost more.

A budget holds its figure from both sides: above it the path has grown, below `SLACK` of it the budget guards
nothing any more and is to be lowered. `python -m tests.guards` prints every figure beside its budget, and the
budget it would have now.
"""

from dataclasses import dataclass
from typing import Final

#: A budget is at most this many times its figure, so that growth by 15 % is always noticed.
SLACK: Final = 1.1


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `most` of a unit, and why."""

    most: float
    why: str

    def fault(self, name: str, figure: float) -> str:
        """What is wrong with `figure`; "" when nothing is."""
        if figure > self.most:
            return f"{name}: {figure:.4g}, and the budget is {self.most:.4g} ({self.why})"
        if figure * SLACK < self.most:
            return (
                f"{name}: {figure:.4g}, its budget of {self.most:.4g} so far above guards nothing: "
                f"set it to {lowered(figure):.4g} in tests/guards/budgets.py"
            )
        return ""


def lowered(figure: float) -> float:
    """The budget for what was counted: three in a hundred above it, or it itself where small and whole."""
    if figure == int(figure) and figure < 20:
        return figure
    return float(f"{figure * 1.03:.3g}")


_CALL: Final = "a Python call costs 50 to 100 ns of CPU, and the rest of the path grows with their number"
_CROSSING: Final = "what a batch costs however few messages it has: most of a message's cost at window 1"
_BYTES: Final = "post and result, event and a share of the ACK, of a text of 45 bytes; here no time passes"

BUDGETS: Final[dict[str, Budget]] = {
    # A message from one app to another.
    "calls on the main thread, window 16": Budget(111, _CALL),
    "calls on the writer's thread, window 16": Budget(31, _CALL),
    "calls on the main thread, window 1": Budget(165, _CALL),
    "calls on the writer's thread, window 1": Budget(27.7, _CALL),
    "socket calls, window 16": Budget(
        0.225, "per batch one recv and one send a sender, one send a receiver, and one ACK of it a while"
    ),
    "socket calls, window 1": Budget(3.1, "a recv and two sends; an ACK only every 32 messages"),
    "bytes on the wire, window 16": Budget(112, _BYTES),
    "bytes on the wire, window 1": Budget(116, _BYTES),
    "calls into SQLite a batch, window 16": Budget(6, _CROSSING),
    "calls into SQLite a batch, window 1": Budget(3.41, _CROSSING),
    "statements, window 16": Budget(1.08, "as at window 1"),
    "statements, window 1": Budget(1.19, "a row a message; runs and outcomes once for many batches"),
    "syncs a batch, window 16": Budget(1, "everything that came in while the disk was busy shares one sync"),
    "syncs a batch, window 1": Budget(1, "as at window 16"),
    "bytes written, window 16": Budget(
        350, "the journal has each message once, the tables once more in pages of 4 KiB"
    ),
    "bytes written, window 1": Budget(446, "as at window 16, with fewer messages to a row of the journal"),
    "calls a member of a group of 20": Budget(26.1, _CALL),
    # A session that comes back.
    "calls of a resume with 20 missed": Budget(308, _CALL),
    "statements of a resume with 20 missed": Budget(0, "its session and the end of its log are in memory"),
    "calls of a drop and a resume with nothing missed": Budget(163, _CALL),
    "calls of a resume with 20 missed, restarted": Budget(635, _CALL),
    "statements of a resume with 20 missed, restarted": Budget(
        6.26, "the lookup of many sessions is one statement; the log, its head and the marks are a session's"
    ),
    # A session that has nothing to say.
    "blocks of an idle session": Budget(11.4, "each block is a header and an allocation at every login"),
    "bytes of an idle session": Budget(1060, "an idle connection is to cost no more than mosquitto's"),
    "blocks of an idle session, WebSocket": Budget(35.1, "as over TCP"),
    "bytes of an idle session, WebSocket": Budget(
        3300, "the goal is 6 KiB of the whole process; the heap adds to this"
    ),
    "calls of a PING": Budget(56.7, _CALL),
}
