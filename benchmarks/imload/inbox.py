"""A device's stream from the server: its cursor, what it has received up to there, and the proof of it."""

from typing import Final

from imload.book import Book
from imload.ledger import QUIET
from imload.parcels import Altered, Parcel
from imload.people import Person
from improtocol import Entry, Kind, frames
from improtocol.digest import DIGEST_MAX, sum_terms
from improtocol.limits import DIGEST_SPAN_MAX, EVENTS_IN_FLIGHT_MAX

#: As the protocol advises: at the latest when half of the window is used.
ACK_AT: Final = EVENTS_IN_FLIGHT_MAX // 2
_NEVER: Final = float("inf")


class Inbox:
    """What a device has received.

    Args:
        person: whose.
        book: where receipts are noted.
    """

    __slots__ = ("_begun", "_book", "_last", "_person", "_tops", "ack_due_s", "cursor", "sum", "unacked")

    def __init__(self, person: Person, book: Book) -> None:
        self._person = person
        self._book = book
        self._last: dict[int, int] = {}
        self._tops: dict[int, int] | None = None
        self.cursor = 0
        self.unacked = 0  #: positions received and not acknowledged on this connection
        self.ack_due_s = _NEVER  #: when they are to be at the latest
        self._begun = 0  #: the position where the sum begins
        self.sum = 0  #: of the terms of all entries since then (SPEC.md, Proof)

    @property
    def claim(self) -> tuple[int | None, int]:
        """(digest, span) of what came over the last connection that was answered."""
        span = self.cursor - self._begun
        return (self.sum, span) if 0 < span <= DIGEST_SPAN_MAX else (None, 0)

    def attached(self) -> None:
        """The server has answered the claim: the sum begins anew."""
        self._begun, self.sum = self.cursor, 0

    def owe_nothing(self) -> None:
        """There is nothing to acknowledge, as the connection is gone or it was done."""
        self.unacked = 0
        self.ack_due_s = _NEVER

    def seek(self, position: int) -> None:
        """A snapshot has brought everything up to `position`."""
        self.cursor = position
        self.owe_nothing()
        self.attached()

    def take_ack(self) -> frames.Ack:
        """The ACK of all that was received, with the proof of it."""
        ack = frames.Ack(count=self.unacked, digest=self.sum)
        self.owe_nothing()
        return ack

    def take(self, events: frames.Events, now_s: float, steady_s: float) -> list[Entry]:
        """Take a range; returns its CREATED entries.

        Args:
            events: the range.
            now_s: when it came.
            steady_s: since when nothing has been in its way.
        """
        if events.start != self.cursor:
            text = f"events from {events.start}, but the cursor is at {self.cursor}"
            self._book.ledger.altered.append((self._person.number, text))
        created = []
        for entry in events.entries:
            if entry.kind == Kind.MESSAGE:
                # What a snapshot has brought, the events after it may bring again.
                if self._tops is None or entry.seq > self._tops.get(entry.conversation, 0):
                    self._message(entry, now_s, steady_s)
            elif entry.kind == Kind.CREATED:
                created.append(entry)
        self.sum = self.sum + sum_terms(events.entries) & DIGEST_MAX
        self.unacked += max(0, events.end - self.cursor)
        self.cursor = events.end
        if self.unacked >= ACK_AT:
            self.ack_due_s = now_s
        elif self.unacked:
            self.ack_due_s = min(self.ack_due_s, now_s + self._book.ack_after_s)
        return created

    def last_seq(self, conversation: int) -> int:
        """The seq of the last message received of a conversation; 0: none."""
        return self._last.get(conversation, 0)

    def take_snapshot(self, conversation: int, entries: list[Entry], now_s: float) -> list[Entry]:
        """Take what a snapshot brings of a conversation; returns its CREATED entries."""
        if self._tops is None:
            self._tops = {}
        for entry in entries:
            if entry.kind == Kind.MESSAGE:
                self._message(entry, now_s, _NEVER, snapshot=True)
        if entries:
            self._tops[conversation] = entries[-1].seq
        return [entry for entry in entries if entry.kind == Kind.CREATED]

    def _message(self, entry: Entry, now_s: float, steady_s: float, *, snapshot: bool = False) -> None:
        tally, ledger = self._book.tally, self._book.ledger
        try:
            parcel = Parcel.read(entry.payload)
        except Altered as error:
            ledger.altered.append((self._person.number, str(error)))
            return
        if snapshot and self._book.sender_of(parcel.number) == self._person.number:
            return  # a history has one's own messages, too; the result was their delivery
        tally.counts["received"] += 1
        self._last[entry.conversation] = entry.seq
        ledger.received(self._person.number, parcel.number, entry.seq)
        posted_s = parcel.posted_us / 1e6
        # Of another process's sender it is not known here whether the message had to wait for it.
        known = 0 <= parcel.number < len(ledger.posted)
        if known and steady_s <= posted_s and ledger.posted[parcel.number] == QUIET:
            tally.took("delivery", now_s - posted_s)
