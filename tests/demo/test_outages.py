"""The cost of trace outages: only what waited for one, and only of those that nothing else disturbed."""

from imserver.demo.journal import Entry
from imserver.demo.outages import OutageAccount


def journals(*messages: tuple[str, str, float, float]) -> dict[str, list[Entry]]:
    """(key, kind, promised at, arrived at)."""
    sent = [{"what": "sent", "key": key, "kind": kind, "at": at} for key, kind, at, _ in messages]
    got = [{"what": "got", "key": key, "at": at} for key, _, _, at in messages]
    return {"lin": sent, "mia": got}


def test_message_that_waited_for_the_end_of_an_outage_counts_from_that_end() -> None:
    account = OutageAccount.of([(10.0, 12.0)], [], journals(("k", "text", 11.0, 12.25)))
    assert (account.count, account.total_s, account.longest_s) == (1, 2.0, 2.0)
    assert (account.late, account.worst_ms) == (1, 250)


def test_messages_outside_an_outage_did_not_wait_for_it() -> None:
    account = OutageAccount.of(
        [(10.0, 12.0)], [], journals(("before", "text", 9.0, 9.5), ("after", "text", 12.5, 13.0))
    )
    assert (account.late, account.worst_ms) == (0, 0)


def test_message_that_waited_for_two_outages_was_freed_by_the_second() -> None:
    account = OutageAccount.of([(10.0, 12.0), (13.0, 14.0)], [], journals(("k", "text", 9.9, 14.5)))
    assert (account.count, account.late, account.worst_ms) == (2, 1, 500)


def test_outage_during_another_incident_is_left_to_that() -> None:
    account = OutageAccount.of([(10.0, 12.0)], [(11.5, 20.0)], journals(("k", "text", 11.0, 19.0)))
    assert (account.count, account.late) == (0, 0)


def test_pictures_are_left_out_because_their_way_is_an_upload() -> None:
    account = OutageAccount.of([(10.0, 12.0)], [], journals(("k", "image", 11.0, 15.0)))
    assert account.late == 0


def test_text_behind_a_picture_waited_for_that_and_not_for_the_outage() -> None:
    behind = journals(("k", "image", 10.5, 15.0), ("t", "text", 11.0, 15.1), ("u", "text", 15.5, 15.6))
    assert OutageAccount.of([(10.0, 12.0)], [], behind).late == 0


def test_replayed_message_counts_when_it_came_first() -> None:
    twice = journals(("k", "text", 11.0, 12.1))
    twice["mia"].append({"what": "got", "key": "k", "at": 30.0})
    assert OutageAccount.of([(10.0, 12.0)], [], twice).worst_ms == 100
