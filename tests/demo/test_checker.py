"""The checker finds each breach of the contract in journals that have it, and none in the others."""

from collections.abc import Callable
from typing import Any

import pytest

from imserver.demo.checker import Verdict, check
from imserver.demo.journal import Entry

A, B = "lin", "mia"
Journals = dict[str, list[Entry]]


class Writer:
    """Writes the journals of a run in which everything goes well."""

    def __init__(self) -> None:
        self.journals: Journals = {A: [], B: []}
        self.seq = 1
        self.positions = {A: 0, B: 0}
        self.rows: dict[int, dict[str, Any]] = {}

    def line(self, user: str, what: str, **facts: object) -> None:
        self.journals[user].append({"what": what, "at": 0.0, "life": 1, **facts})

    def promise(self, user: str, key: str, act: str = "send", kind: str = "text", **facts: object) -> None:
        self.line(user, "intent", key=key, act=act, kind=kind, **facts)
        self.line(user, "sent", key=key, act=act, kind=kind, local=0)

    def acked(self, user: str, key: str) -> int:
        self.seq += 1
        self.line(user, "acked", key=key, seq=self.seq)
        return self.seq

    def got(self, user: str, sender: str, key: str, seq: int, *, media: bool = False) -> None:
        self.positions[user] += 1
        position = self.positions[user]
        self.line(user, "got", position=position, seq=seq, sender=sender, key=key, line=key, media=media)

    def message(
        self, sender: str, key: str, kind: str = "text", *, media: bool = False, **facts: object
    ) -> int:
        receiver = B if sender == A else A
        self.promise(sender, key, kind=kind, **facts)
        seq = self.acked(sender, key)
        self.got(receiver, sender, key, seq, media=media)
        if media:
            self.line(receiver, "media", key=key, sha256=key, size=1)
        self.rows[seq] = {"seq": seq, "sender": sender, "key": key, "line": key, "reactions": {}}
        self.rows[seq] |= {"edited": False, "recalled": False, "reply_to": None, "mentions": []}
        return seq

    def end(self) -> Journals:
        for user in (A, B):
            for row in self.rows.values():
                self.line(user, "stands", **row)
            self.line(user, "members", reads={A: self.seq, B: self.seq})
        return self.journals


def good() -> Writer:
    writer = Writer()
    writer.message(A, "m1")
    writer.message(A, "m2")
    writer.message(B, "m3", reply=True)
    writer.message(A, "f4", "image", media=True)
    seq = writer.message(B, "m5")
    writer.promise(A, "react:m5:👍", act="react", kind="react")
    writer.acked(A, "react:m5:👍")
    writer.rows[seq]["reactions"] = {"👍": [A]}
    return writer


def drop(journals: Journals, user: str, **facts: object) -> None:
    before = len(journals[user])
    journals[user] = [e for e in journals[user] if not all(e.get(k) == v for k, v in facts.items())]
    assert len(journals[user]) < before


def change(journals: Journals, user: str, fact: str, value: object, **which: object) -> None:
    found = [e for e in journals[user] if all(e.get(k) == v for k, v in which.items())]
    assert found
    for entry in found:
        entry[fact] = value


def swap(journals: Journals, user: str, fact: str, first: str, second: str) -> None:
    one, two = (
        next(e for e in journals[user] if e["what"] == "got" and e["key"] == k) for k in (first, second)
    )
    one[fact], two[fact] = two[fact], one[fact]


def test_run_in_which_all_went_well_breaks_no_promise() -> None:
    verdict = check(good().end())
    assert verdict.broken == {}
    assert (verdict.sent, verdict.acked, verdict.delivered, verdict.media) == (5, 5, 5, 1)
    assert verdict.kinds["image"].delivered == verdict.kinds["reply"].delivered == 1
    assert verdict.kinds["react"].delivered == 1


def lost(journals: Journals) -> None:
    drop(journals, B, what="got", key="m2")


def lost_gap(journals: Journals) -> None:
    journals[B].append({"what": "gap", "first": 3, "last": 4, "at": 0.0, "life": 1})


def twice_in_one_life(journals: Journals) -> None:
    journals[B].append(next(e for e in journals[B] if e["what"] == "got"))


def twice_under_two_numbers(journals: Journals) -> None:
    again = next(e for e in journals[B] if e["what"] == "got")
    journals[B].append({**again, "position": 99, "seq": 99, "life": 2})


def standing_twice(journals: Journals) -> None:
    for user in (A, B):
        row = next(e for e in journals[user] if e["what"] == "stands")
        journals[user].append({**row, "seq": 77})


def given_in_another_order(journals: Journals) -> None:
    swap(journals, B, "position", "m1", "m2")


def numbered_in_another_order(journals: Journals) -> None:
    for user in (A, B):
        for entry in journals[user]:
            if entry.get("seq") in {2, 3} and entry["what"] in {"got", "acked"}:
                entry["seq"] = 5 - entry["seq"]


def never_sent(journals: Journals) -> None:
    journals[B].append(
        {"what": "got", "at": 0, "life": 1, "position": 50, "seq": 50, "sender": A, "key": "x"}
        | {"line": "x", "media": False}
    )


def other_bytes(journals: Journals) -> None:
    change(journals, B, "sha256", "f5", what="media")


def never_fetched(journals: Journals) -> None:
    drop(journals, B, what="media")


def acked_under_another_number(journals: Journals) -> None:
    change(journals, A, "seq", 40, what="acked", key="m2")


def seen_differently(journals: Journals) -> None:
    change(journals, B, "line", "other", what="stands", key="m3")


def unread_on_one_side(journals: Journals) -> None:
    change(journals, B, "reads", {A: 0, B: 0}, what="members")


def no_final_state(journals: Journals) -> None:
    drop(journals, B, what="stands")


def never_acked(journals: Journals) -> None:
    drop(journals, A, what="acked", key="m2")


def refused(journals: Journals) -> None:
    journals[A].append({"what": "refused", "key": "m2", "reason": "INVALID", "at": 0, "life": 1})


def reaction_not_shown(journals: Journals) -> None:
    for user in (A, B):
        change(journals, user, "reactions", {}, what="stands", key="m5")


@pytest.mark.parametrize(
    ("breach", "promise"),
    [
        (lost, "lost"),
        (lost_gap, "lost"),
        (reaction_not_shown, "lost"),
        (twice_in_one_life, "duplicated"),
        (twice_under_two_numbers, "duplicated"),
        (standing_twice, "duplicated"),
        (given_in_another_order, "out_of_order"),
        (numbered_in_another_order, "out_of_order"),
        (never_sent, "phantom"),
        (other_bytes, "unequal"),
        (never_fetched, "unequal"),
        (acked_under_another_number, "diverged"),
        (seen_differently, "diverged"),
        (unread_on_one_side, "diverged"),
        (no_final_state, "diverged"),
        (never_acked, "unresolved"),
        (refused, "refused"),
    ],
)
def test_breach_is_found_and_called_by_its_name(breach: Callable[[Journals], None], promise: str) -> None:
    journals = good().end()
    breach(journals)
    assert promise in check(journals).broken


def test_message_given_again_to_an_app_that_was_killed_before_it_was_done_is_no_duplicate() -> None:
    journals = good().end()
    again = next(e for e in journals[B] if e["what"] == "got")
    journals[B].append({**again, "life": 2})
    verdict = check(journals)
    assert verdict.broken == {}
    assert verdict.replayed == 1


def test_message_intended_but_not_promised_may_or_may_not_arrive() -> None:
    """Killed between the call and its return: nobody knows, so both are right."""
    for arrives in (False, True):
        writer = good()
        writer.line(A, "intent", key="m9", act="send", kind="text")
        if arrives:
            writer.got(B, A, "m9", 90)
        verdict = check(writer.end())
        assert verdict.broken == {}
        assert (verdict.sent, verdict.delivered, verdict.unpromised) == (5, 5, int(arrives))


def edited_while_away() -> Verdict:
    writer = good()
    seq = writer.message(A, "typo")
    writer.promise(A, "edit:typo:", act="edit", kind="edit")
    writer.acked(A, "edit:typo:")
    writer.rows[seq] |= {"key": "fixed", "line": "fixed", "edited": True}
    change(writer.journals, B, "key", "fixed", what="got", key="typo")
    return check(writer.end())


def test_message_edited_while_its_receiver_was_away_counts_as_delivered() -> None:
    verdict = edited_while_away()
    assert verdict.broken == {}
    assert verdict.kinds["edit"].delivered == 1
