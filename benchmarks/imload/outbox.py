"""A device's stream to the server: commands under dense counters, sent again until they have their result."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from imload.book import Book
from imload.ledger import DISTURBED, QUIET, REFUSED
from improtocol import NextAction, action_of, frames
from improtocol.commands import Action
from improtocol.limits import COMMANDS_IN_FLIGHT_MAX

#: A 2xx without a time of its own is tried again after this.
_RETRY_MS_MIN = 10
_NEVER = float("inf")


class Unsent(NamedTuple):
    """A command without a result. `number`: of its message, -1: none."""

    frame: frames.Command
    number: int
    posted_s: float


class Outbox:
    """Commands without a result, oldest first.

    Args:
        book: where results are noted.
    """

    __slots__ = ("_book", "_commands", "_sent", "_sent_max", "accepted", "hold_until_s")

    def __init__(self, book: Book) -> None:
        self._book = book
        self._commands: deque[Unsent] = deque()
        self._sent = 0  # of those, on this connection
        self._sent_max = 0  # the highest counter that ever was
        self.accepted = 0  #: the last counter with a result
        self.hold_until_s = 0.0  #: nothing is sent before; 0: at once

    def __len__(self) -> int:
        return len(self._commands)

    @property
    def due_s(self) -> float:
        """When what is held may be sent; infinite when nothing is."""
        return self.hold_until_s if self._commands and self.hold_until_s else _NEVER

    @property
    def next(self) -> int:
        """The counter of the first command to follow, as RESUME says it."""
        return self._commands[0].frame.counter if self._commands else self.accepted + 1

    def add(self, action: Action, number: int, now_s: float, *, quiet: bool) -> None:
        """Take a command; `quiet`: the device is attached, and nothing is in the way."""
        counter = (self._commands[-1].frame.counter if self._commands else self.accepted) + 1
        if number >= 0:
            self._book.ledger.posted[number] = QUIET if quiet else DISTURBED
        self._commands.append(Unsent(frames.Command(counter=counter, action=action), number, now_s))

    def restart(self) -> None:
        """A new connection: everything without a result goes again."""
        self._sent = 0
        self.hold_until_s = 0.0

    def send(self, send: Callable[[frames.Command], object], now_s: float) -> None:
        """Send what the window allows."""
        if now_s < self.hold_until_s:
            return
        self.hold_until_s = 0.0
        end = min(len(self._commands), COMMANDS_IN_FLIGHT_MAX)
        while self._sent < end:
            unsent = self._commands[self._sent]
            counter = unsent.frame.counter
            if counter <= self._sent_max:
                self._book.tally.counts["retries"] += 1
                if unsent.number >= 0:
                    self._book.ledger.posted[unsent.number] = DISTURBED
            self._sent_max = max(self._sent_max, counter)
            send(unsent.frame)
            self._sent += 1

    def take(self, result: frames.Result, now_s: float, steady_s: float) -> None:
        """Take a result; nothing has been in the device's way since `steady_s`."""
        if not self._commands:
            self._book.tally.counts["strange_results"] += 1
            return
        first = self._commands[0]
        tally = self._book.tally
        if action_of(result.code) is NextAction.RETRY_AFTER:
            # Not accepted: go back to that counter once the time is over. Those behind it are out of turn.
            tally.counts["refused_for_now"] += 1
            self._sent = min(self._sent, max(0, result.counter - first.frame.counter))
            self.hold_until_s = max(
                self.hold_until_s, now_s + max(result.retry_after_ms, _RETRY_MS_MIN) / 1000
            )
            return
        if result.counter != first.frame.counter:
            tally.counts["strange_results"] += 1
            return
        self._commands.popleft()
        self._sent = max(0, self._sent - 1)
        self.accepted = result.counter
        if first.number >= 0:
            self._note(first, result, now_s, steady_s)

    def _note(self, first: Unsent, result: frames.Result, now_s: float, steady_s: float) -> None:
        ledger, tally = self._book.ledger, self._book.tally
        if result.code:
            ledger.seqs[first.number] = REFUSED
            tally.counts["refused"] += 1
            return
        ledger.seqs[first.number] = result.value
        tally.counts["acked"] += 1
        if first.posted_s >= steady_s and ledger.posted[first.number] == QUIET:
            tally.acked(now_s - first.posted_s, storm=self._book.storming)
        else:
            tally.took("ack_after_outage", now_s - first.posted_s)
