"""Devices on a relay in memory: the oracle passes an honest one, and catches each way of being dishonest."""

from collections.abc import Callable

import pytest

from imload.ledger import Verdict, judge
from imload.parcels import Parcel
from improtocol import Entry, frames
from improtocol.opcodes import ResyncReason
from tests.imload.loads import small
from tests.imload.relay import Stage


def verdict_of(stage: Stage) -> Verdict:
    return judge(stage.schedule, stage.ledger)


def number_of(entry: Entry) -> int:
    return Parcel.read(entry.payload).number


def test_honest_relay_passes_with_every_message_delivered_to_every_device() -> None:
    stage = Stage(small())
    stage.connect_all()
    stage.post_all()
    verdict = verdict_of(stage)
    assert verdict.passed, verdict.findings
    assert verdict.posted == verdict.acked == len(stage.schedule.postings) > 10
    # Each customer's message reaches two devices of the agent, each agent's the customer's and the other's.
    assert verdict.delivered == 2 * verdict.posted


def test_a_server_that_says_its_history_differs_is_believed() -> None:
    stage = Stage(small())
    stage.connect_all()
    device = stage.devices[0]
    told = frames.Resync(reason=ResyncReason.DIVERGED, oldest=1, head=3, epoch=1, verified=2)
    device.receive(stage.relay.ends[device].send(told), 1.0)
    assert verdict_of(stage).counts["altered"] == 1


def lossy(user: str, entry: Entry) -> list[Entry]:
    return [] if number_of(entry) == 5 else [entry]


def doubling(user: str, entry: Entry) -> list[Entry]:
    return [entry, entry] if number_of(entry) == 5 else [entry]


def altering(user: str, entry: Entry) -> list[Entry]:
    if number_of(entry) != 5:
        return [entry]
    payload = entry.payload[:-1] + bytes([entry.payload[-1] ^ 1])
    return [Entry(entry.kind, entry.at_ms, entry.sender, entry.conversation, entry.seq, payload)]


class Swapping:
    """Holds one message back until another of the same conversation has passed it."""

    def __init__(self) -> None:
        self.held: dict[str, Entry] = {}
        self.done: set[str] = set()

    def __call__(self, user: str, entry: Entry) -> list[Entry]:
        held = self.held.get(user)
        if held is not None and held.conversation == entry.conversation:
            del self.held[user]
            self.done.add(user)
            return [entry, held]
        if held is None and user not in self.done:
            self.held[user] = entry
            return []
        return [entry]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(lossy, "lost"), (doubling, "duplicated"), (Swapping(), "reordered"), (altering, "altered")],
)
def test_dishonest_relay_fails_and_the_oracle_names_the_message(
    fault: Callable[[str, Entry], list[Entry]], kind: str
) -> None:
    stage = Stage(small(), fault)
    stage.connect_all()
    stage.post_all()
    verdict = verdict_of(stage)
    assert not verdict.passed
    assert verdict.counts[kind] > 0
    named = [finding.text for finding in verdict.findings if finding.kind == kind]
    assert named
    if kind != "reordered":
        assert any("message 5 " in text for text in named), named


def test_result_lost_on_the_way_is_sent_again_and_an_honest_relay_still_passes() -> None:
    stage = Stage(small())
    stage.connect_all()
    sender = stage.devices[stage.schedule.postings[0].device]
    stage.post(0)
    stage.relay.settle(answer=False)  # it is stored, and its result goes nowhere
    stage.relay.cut(sender)
    stage.relay.connect(sender)
    assert stage.tally.counts["retries"] == 1
    for posting in stage.schedule.postings[1:]:
        stage.post(posting.number)
        stage.relay.settle()
    assert verdict_of(stage).passed


def test_relay_that_stores_a_retry_twice_is_caught() -> None:
    stage = Stage(small())
    stage.connect_all()
    stage.relay.forgetful = True
    sender = stage.devices[stage.schedule.postings[0].device]
    stage.post(0)
    stage.relay.settle(answer=False)
    stage.relay.cut(sender)
    stage.relay.connect(sender)
    verdict = verdict_of(stage)
    assert verdict.counts["duplicated"] == 2, "once at each of the agent's two devices"


def test_what_is_missed_while_away_is_counted_with_its_resume() -> None:
    stage = Stage(small())
    stage.connect_all()
    stage.post_all()
    away = stage.devices[6]  # an agent's first device
    before = stage.tally.counts["received"]
    stage.relay.cut(away)
    more = Stage(small(seed=2))  # its postings, on the same people
    assert more.schedule.people.chats == stage.schedule.people.chats
    stage.relay.connect(away)
    assert stage.tally.counts["resumes_nothing"] == 1
    assert stage.tally.counts["received"] == before


def test_posted_while_away_goes_with_the_resume_and_is_no_retry() -> None:
    stage = Stage(small())
    stage.connect_all()
    sender = stage.devices[stage.schedule.postings[0].device]
    stage.relay.cut(sender)
    stage.post(0)
    assert not sender.idle
    stage.relay.connect(sender)
    assert sender.idle
    assert stage.tally.counts["retries"] == 0
    assert stage.tally.durations["ack"].count == 0, (
        "it had to wait for its sender: that is not the server's time"
    )
    assert stage.tally.durations["ack_after_outage"].count == 1


def test_posted_and_never_answered_is_unresolved() -> None:
    stage = Stage(small())
    stage.connect_all()
    stage.post(0)
    verdict = verdict_of(stage)
    assert verdict.counts["unresolved"] == 1
    assert "message 0 of" in verdict.findings[0].text


def test_resume_costs_one_round_trip_and_its_bytes_are_counted() -> None:
    stage = Stage(small())
    stage.connect_all()
    stage.post_all()
    device = stage.devices[0]
    stage.relay.cut(device)
    stage.relay.connect(device)
    figures = stage.tally.figures()
    assert figures["round_trips_per_resume"] == 1
    sizes = stage.tally.frame_bytes
    assert figures["bytes"]["per_resume_nothing_missed"] == sizes["Resume out"] + sizes["Resumed in"] > 20
