"""A command on its way through the commit loop: waiting, decided, answered."""

from typing import Final

from improtocol.codes import Code
from improtocol.commands import Action
from improtocol.frames import Result
from imserver.core.conversations import Conversation
from imserver.core.links import Link
from imserver.core.sessions import Session
from imserver.storage.store import Outcome

_AGAIN: Final = "refused when it was first sent"


class Pending:
    """A command that waits for its commit, the connection that is to hear of it, and what was decided on it.

    `conversation` is the one to post to, when it was at hand. `write` is the index of the command's own write
    in the batch. Where it is -1, `result` stands already, or the outcome of an earlier command under the same
    counter is to be looked up (`digest` tells whether it is the same command). `result` stands before
    deciding when the shop has shut the sender out meanwhile.
    """

    __slots__ = ("action", "conversation", "counter", "digest", "link", "result", "session", "write")

    def __init__(self, session: Session, link: Link, counter: int, action: Action) -> None:
        self.session = session
        self.link = link
        self.counter = counter
        self.action = action
        self.conversation: Conversation | None = None
        self.digest = 0
        self.write = -1
        self.result: Result | None = None


def settle(pending: Pending) -> None:
    """`pending` is about to be answered."""
    session = pending.session
    session.pending -= 1
    if pending.link is session.link:
        session.unanswered -= 1


def result_of(outcome: Outcome) -> Result:
    """What the device is told, the first time and at every retry."""
    if outcome.code:
        return Result(counter=outcome.counter, code=outcome.code, reason=_AGAIN)
    return Result(counter=outcome.counter, value=outcome.value, at_ms=outcome.at_ms)


def repeat(outcome: Outcome | None, counter: int, digest: int) -> Result:
    """The original result for a retry, or CONFLICT when it is another command or too old to tell."""
    if outcome is None:
        return Result(
            counter=counter, code=Code.CONFLICT, reason="this counter was used too long ago to tell for what"
        )
    if outcome.digest != digest:
        return Result(counter=counter, code=Code.CONFLICT, reason="this counter was used for another command")
    return result_of(outcome)
