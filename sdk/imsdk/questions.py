"""Questions under way: asked again on every new connection until they are answered or time is up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import trio

from improtocol import Code, NextAction, Value, action_of, unpack
from improtocol.frames import Reply
from improtocol.queries import Question
from imsdk.errors import Refused, Unavailable
from imsdk.wakeup import Bell

#: Questions that may be under way at once.
QUESTIONS_MAX: Final = 256
#: Shortest pause before a question that was refused for now is asked again, whatever the server wishes; each
#: further one is twice as long. An upload goes on asking for its place as long as the server's disk is full.
ASK_AGAIN_S_MIN: Final = 0.1
#: Longest such pause on our own account.
ASK_AGAIN_S_MAX: Final = 5.0


@dataclass(slots=True)
class _Asked:
    question: Question
    done: trio.Event = field(default_factory=trio.Event)
    reply: Reply | None = None


class Questions:
    """Matches replies with questions. `bell` is rung when there is something to send."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._next = 1
        self._asked: dict[int, _Asked] = {}

    def waiting(self) -> Iterator[tuple[int, Question]]:
        """(id, question) of all that are not answered."""
        return iter([(number, asked.question) for number, asked in self._asked.items()])

    def answer(self, reply: Reply) -> None:
        """Take a reply. One that nobody waits for any more is ignored."""
        asked = self._asked.pop(reply.id, None)
        if asked is not None:
            asked.reply = reply
            asked.done.set()

    async def ask(self, question: Question, timeout_s: float) -> Value:
        """The value of the server's reply.

        Asked again while it is refused for now, after pauses that grow and are never shorter than the server
        wishes.

        Raises:
            Refused: the server's last word.
            Unavailable: no reply within `timeout_s`.
        """
        pause_s = ASK_AGAIN_S_MIN
        with trio.move_on_after(timeout_s):
            while True:
                reply = await self._ask_once(question)
                if reply.code == Code.OK:
                    return unpack(reply.payload)
                if action_of(reply.code) is NextAction.REFUSED:
                    raise Refused(reply.code, reply.reason)
                await trio.sleep(max(pause_s, reply.retry_after_ms / 1000))
                # RATE_LIMITED says only that we asked more at once than are answered at once, a matter of
                # milliseconds; a growing pause would make the last of many time out.
                if reply.code != Code.RATE_LIMITED:
                    pause_s = min(ASK_AGAIN_S_MAX, 2 * pause_s)
        raise Unavailable("the server did not answer in time")

    async def _ask_once(self, question: Question) -> Reply:
        if len(self._asked) >= QUESTIONS_MAX:
            raise Unavailable(f"{QUESTIONS_MAX} questions are under way already")
        number, self._next = self._next, self._next % 0x7FFF + 1
        asked = self._asked[number] = _Asked(question)
        self._bell.ring()
        try:
            await asked.done.wait()
        finally:
            self._asked.pop(number, None)
        assert asked.reply is not None
        return asked.reply
