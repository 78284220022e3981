"""The board follows the apps' events: what a screen shows, and what incidents wait for."""

import trio
import trio.testing

from imserver.demo.board import Board
from imserver.demo.dialogue import AGENT, CUSTOMER


def board() -> Board:
    return Board(lambda at_s, who, what: None)


def facts(key: str, seq: int, line: str = "hi") -> dict[str, object]:
    return {"event": "message", "at": 0, "key": key, "seq": seq, "line": line, "sender": CUSTOMER}


def sent(key: str) -> dict[str, object]:
    return {"event": "sent", "at": 0, "key": key, "act": "send", "kind": "text"}


def test_own_message_goes_from_queued_to_durable_to_delivered_to_read() -> None:
    it = board()
    marks = []
    for event in (
        sent("k"),
        {"event": "acked", "at": 0, "key": "k", "seq": 4},
        {"event": "delivered", "at": 0, "user": AGENT, "seq": 4},
        {"event": "read", "at": 0, "user": AGENT, "seq": 4},
    ):
        it.take(CUSTOMER, event)
        bubble = it.screens[CUSTOMER].bubbles[0]
        marks.append((bubble.mark, bubble.read))
    assert marks == [("…", False), ("✓", False), ("✓✓", False), ("✓✓", True)]


def test_screen_is_in_the_order_of_the_conversation_with_the_unsent_last() -> None:
    it = board()
    it.take(CUSTOMER, sent("mine"))
    it.take(CUSTOMER, facts("theirs", 5) | {"own": False})
    assert [bubble.key for bubble in it.screens[CUSTOMER].bubbles] == ["theirs", "mine"]
    it.take(CUSTOMER, {"event": "acked", "at": 0, "key": "mine", "seq": 4})
    assert [bubble.key for bubble in it.screens[CUSTOMER].bubbles] == ["mine", "theirs"]


def test_message_shown_twice_is_one_bubble() -> None:
    it = board()
    for _ in range(2):
        it.take(CUSTOMER, facts("k", 2) | {"own": False})
    assert len(it.screens[CUSTOMER].bubbles) == 1


def test_edit_changes_the_bubble_it_is_about() -> None:
    it = board()
    it.take(AGENT, facts("k", 2, "typo") | {"own": False})
    it.take(AGENT, facts("new", 2, "fixed") | {"event": "changed", "reactions": ["👍"], "own": False})
    bubble = it.screens[AGENT].bubbles[0]
    assert (bubble.line, bubble.reactions) == ("fixed", "👍")


async def test_waiting_ends_with_the_event_that_makes_the_condition_true(
    autojump_clock: trio.testing.MockClock,
) -> None:
    it = board()
    done = trio.Event()

    async def wait() -> None:
        await it.wait_until(lambda: "k" in it.screens[CUSTOMER].known)
        done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        it.take(CUSTOMER, sent("k"))
        await trio.testing.wait_all_tasks_blocked()
        assert not done.is_set(), "a message that is only queued is not known to the other side"
        it.take(CUSTOMER, {"event": "acked", "at": 0, "key": "k", "seq": 2})
        with trio.fail_after(5):
            await done.wait()
