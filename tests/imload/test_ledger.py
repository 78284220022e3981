"""The oracle by itself: from a book in order, each single wrong entry makes exactly its own finding."""

from array import array
from collections.abc import Callable

import pytest

from imload.ledger import QUIET, REFUSED, Ledger, judge
from imload.schedule import Schedule
from tests.imload.loads import small

SCHEDULE = small()


def in_order(schedule: Schedule) -> Ledger:
    ledger = Ledger.of_size(len(schedule.postings))
    seqs = dict.fromkeys(range(len(schedule.people.chats)), 1)
    for posting in schedule.postings:
        seqs[posting.chat] += 1
        ledger.posted[posting.number] = QUIET
        ledger.seqs[posting.number] = seqs[posting.chat]
        for device in schedule.people.chats[posting.chat].devices:
            if device != posting.device:
                ledger.received(device, posting.number, seqs[posting.chat])
    return ledger


def chat_with_two(ledger: Ledger, device: int) -> tuple[int, int]:
    """Places of two messages of one chat in what `device` got."""
    numbers = ledger.receipts[device][0]
    for place, number in enumerate(numbers):
        for later in range(place + 1, len(numbers)):
            if SCHEDULE.postings[number].chat == SCHEDULE.postings[numbers[later]].chat:
                return place, later
    raise AssertionError("the load is too small for this test")


def lose(ledger: Ledger) -> None:
    for column in ledger.receipts[6]:
        column.pop()


def double(ledger: Ledger) -> None:
    for column in ledger.receipts[6]:
        column.append(column[-1])


def swap(ledger: Ledger) -> None:
    first, second = chat_with_two(ledger, 6)
    for column in ledger.receipts[6]:
        column[first], column[second] = column[second], column[first]


def store_twice(ledger: Ledger) -> None:
    """Acknowledged under one number, delivered under another: there are two records of it."""
    ledger.receipts[6][1][-1] += 100


def misdeliver(ledger: Ledger) -> None:
    stranger = next(p for p in SCHEDULE.postings if 0 not in SCHEDULE.people.chats[p.chat].devices)
    ledger.received(0, stranger.number, 2)


def forget(ledger: Ledger) -> None:
    ledger.seqs[SCHEDULE.postings[-1].number] = 0


def refuse(ledger: Ledger) -> None:
    number = SCHEDULE.postings[-1].number
    ledger.seqs[number] = REFUSED
    for device, (numbers, seqs) in ledger.receipts.items():
        kept = [(n, s) for n, s in zip(numbers, seqs, strict=True) if n != number]
        ledger.receipts[device] = array("q", [n for n, _ in kept]), array("q", [s for _, s in kept])


def test_book_in_order_passes() -> None:
    verdict = judge(SCHEDULE, in_order(SCHEDULE))
    assert verdict.passed, verdict.findings
    assert verdict.acked == len(SCHEDULE.postings)


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lose, "lost"),
        (double, "duplicated"),
        (swap, "reordered"),
        (store_twice, "duplicated"),
        (misdeliver, "misdelivered"),
        (forget, "unresolved"),
        (refuse, "refused"),
    ],
)
def test_one_wrong_entry_is_one_finding_of_its_kind(spoil: Callable[[Ledger], None], kind: str) -> None:
    ledger = in_order(SCHEDULE)
    spoil(ledger)
    verdict = judge(SCHEDULE, ledger)
    assert not verdict.passed
    assert {name: count for name, count in verdict.counts.items() if count} == {kind: 1}
    assert "message " in verdict.findings[0].text


def test_senders_own_order_is_checked_even_where_nobody_received_it_wrong() -> None:
    ledger = in_order(SCHEDULE)
    sender, chat = SCHEDULE.postings[0].device, SCHEDULE.postings[0].chat
    own = [p.number for p in SCHEDULE.postings if (p.device, p.chat) == (sender, chat)]
    if len(own) < 2:
        pytest.fail("the load is too small for this test")
    ledger.seqs[own[0]], ledger.seqs[own[1]] = ledger.seqs[own[1]], ledger.seqs[own[0]]
    assert judge(SCHEDULE, ledger).counts["reordered"] == 1


def test_books_of_two_processes_make_one() -> None:
    whole = in_order(SCHEDULE)
    parts = [Ledger.of_size(len(SCHEDULE.postings)) for _ in range(2)]
    for posting in SCHEDULE.postings:
        part = parts[posting.device % 2]
        part.posted[posting.number] = QUIET
        part.seqs[posting.number] = whole.seqs[posting.number]
    for device, receipts in whole.receipts.items():
        parts[device % 2].receipts[device] = receipts
    parts[0].add(parts[1])
    assert judge(SCHEDULE, parts[0]).passed


def test_posted_nothing_passes_and_says_so() -> None:
    verdict = judge(SCHEDULE, Ledger.of_size(len(SCHEDULE.postings)))
    assert (verdict.passed, verdict.posted) == (True, 0)
