"""The oracle's book: who posted, who was acknowledged, who got what, message by message."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from imload.schedule import Schedule

#: Findings told one by one; all are counted.
_TOLD_MAX: Final = 1000
#: What the ledger holds for a message that the server refused for good.
REFUSED: Final = -1
#: How a message was posted: on a connection that carried it in one go, or away, or sent again.
QUIET: Final = 1
DISTURBED: Final = 2


@dataclass(slots=True)
class Ledger:
    """What the devices of one process saw. Positions in `seqs` are message numbers.

    Attributes:
        posted: by number: `QUIET` or `DISTURBED` once it is in an outbox, else 0.
        seqs: the sequence number acknowledged; 0: none, `REFUSED`: refused for good.
        receipts: by device: numbers and their sequence numbers, in the order they came.
        altered: by device and number: messages that are not what was posted.
    """

    posted: bytearray
    seqs: "array[int]"
    receipts: "dict[int, tuple[array[int], array[int]]]" = field(default_factory=dict)
    altered: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    def of_size(cls, messages: int) -> "Ledger":
        """An empty one."""
        return cls(bytearray(messages), array("q", bytes(8 * messages)))

    def received(self, device: int, number: int, seq: int) -> None:
        """Note a delivery."""
        found = self.receipts.get(device)
        if found is None:
            found = self.receipts[device] = (array("q"), array("q"))
        found[0].append(number)
        found[1].append(seq)

    def add(self, other: "Ledger") -> None:
        """Take over what another process's devices saw; no device is in both."""
        for number, posted in enumerate(other.posted):
            if posted:
                self.posted[number] = posted
                self.seqs[number] = other.seqs[number]
        self.receipts.update(other.receipts)
        self.altered += other.altered


@dataclass(frozen=True, slots=True)
class Finding:
    """One message that is not as it must be."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The oracle's judgement. `counts` is by kind; `findings` names the first thousand.

    Kinds: `lost` (acknowledged, and it never came to an entitled device), `duplicated`, `reordered`,
    `altered`, `misdelivered` (to a device that is not entitled), `unresolved` (posted, and neither
    acknowledged nor refused), `refused`. A single one of any kind fails a run.
    """

    posted: int
    acked: int
    delivered: int
    counts: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Everything is accounted for."""
        return not any(self.counts.values())


KINDS: Final = ("lost", "duplicated", "reordered", "altered", "misdelivered", "unresolved", "refused")


def judge(schedule: Schedule, ledger: Ledger) -> Verdict:
    """Account for every message of `schedule` that was posted."""
    book = _Book(schedule, ledger)
    book.senders()
    for device in sorted(ledger.receipts):
        book.receiver(device)
    book.deliveries()
    for device, text in ledger.altered:
        book.find("altered", f"{book.name(device)}: {text}")
    return Verdict(
        posted=sum(map(bool, ledger.posted)),
        acked=sum(seq > 0 for seq in ledger.seqs),
        delivered=sum(len(numbers) for numbers, _ in ledger.receipts.values()),
        counts={kind: book.counts[kind] for kind in KINDS},
        findings=tuple(book.findings),
    )


class _Book:
    def __init__(self, schedule: Schedule, ledger: Ledger) -> None:
        self._schedule = schedule
        self._ledger = ledger
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self._got = {device: set(numbers) for device, (numbers, _) in ledger.receipts.items()}

    def find(self, kind: str, text: str) -> None:
        self.counts[kind] += 1
        if len(self.findings) < _TOLD_MAX:
            self.findings.append(Finding(kind, text))

    def name(self, device: int) -> str:
        person = self._schedule.people.persons[device]
        return f"{person.user}/{person.device}"

    def senders(self) -> None:
        """Every posted message has a result; a sender's messages in a chat keep their order (G3)."""
        last: dict[tuple[int, int], int] = {}
        for posting in self._schedule.postings:
            number = posting.number
            if not self._ledger.posted[number]:
                continue
            seq = self._ledger.seqs[number]
            said = f"message {number} of {self.name(posting.device)} in chat {posting.chat}"
            if seq == REFUSED:
                self.find("refused", f"{said} was refused")
            elif not seq:
                self.find("unresolved", f"{said} was posted at {posting.at_s:.1f} s and never answered")
            else:
                key = (posting.device, posting.chat)
                if seq <= last.get(key, 0):
                    self.find("reordered", f"{said} has seq {seq}, the sender's one before has {last[key]}")
                last[key] = seq

    def receiver(self, device: int) -> None:
        """What a device got: each once, with the one seq it was acknowledged with, rising in each chat."""
        postings, chats = self._schedule.postings, self._schedule.people.chats
        last: dict[int, int] = {}
        seen: set[int] = set()
        twice: dict[int, str] = {}
        for number, seq in zip(*self._ledger.receipts[device], strict=True):
            if not 0 <= number < len(postings) or device not in chats[postings[number].chat].devices:
                self.find("misdelivered", f"{self.name(device)} got message {number}, which is not for it")
                continue
            chat = postings[number].chat
            said = f"message {number} at {self.name(device)} in chat {chat}"
            acked = self._ledger.seqs[number]
            if number in seen:
                twice.pop(number, None)
                self.find("duplicated", f"{said} came again, with seq {seq}, acknowledged as {acked}")
                continue
            seen.add(number)
            if 0 < acked != seq:
                twice[number] = f"{said} came with seq {seq}, acknowledged as {acked}: it was stored twice"
                continue
            if seq <= last.get(chat, 0):
                self.find("reordered", f"{said} with seq {seq} came after seq {last[chat]}")
            last[chat] = max(seq, last.get(chat, 0))
        for text in twice.values():
            self.find("duplicated", text)

    def deliveries(self) -> None:
        """Every acknowledged message reached every entitled device but the sender's own."""
        for posting in self._schedule.postings:
            seq = self._ledger.seqs[posting.number]
            if seq <= 0:
                continue
            for device in missing(self._recipients(posting.chat, posting.device), posting.number, self._got):
                self.find(
                    "lost",
                    f"message {posting.number} of {self.name(posting.device)} to {self.name(device)}, chat "
                    f"{posting.chat}, acknowledged as seq {seq}, posted at {posting.at_s:.1f} s, never came",
                )

    def _recipients(self, chat: int, sender: int) -> list[int]:
        return [device for device in self._schedule.people.chats[chat].devices if device != sender]


def missing(devices: Iterable[int], number: int, got: dict[int, set[int]]) -> list[int]:
    """Those of `devices` that did not get message `number`."""
    return [device for device in devices if number not in got.get(device, ())]
