"""What an app may be shown after a kill: everything it had not done with, or the gap that stands for it."""

import sqlite3
from types import SimpleNamespace
from typing import cast

import pytest

from imsdk.message import Message
from imsdk.store.rows import GAP
from imserver.sim.model import Violation
from imserver.sim.phone import Phone
from imserver.sim.watch import Watch
from imserver.sim.world import World


def shown(position: int, seq: int) -> Message:
    return cast(Message, SimpleNamespace(position=position, chat=1, seq=seq, content=None))


def killed_before_the_last_was_done(gap_at: int) -> Watch:
    """Three were shown and the second again; a gap is next, from number `gap_at` of the conversation on."""
    feed = sqlite3.connect(":memory:")
    feed.execute("CREATE TABLE feed (position, chat, seq, kind)")
    feed.execute("INSERT INTO feed VALUES (4, 1, ?, ?)", (gap_at, GAP))
    watch = Watch(cast(World, None), cast(Phone, SimpleNamespace(database=feed, name="ann0")))
    for message in (shown(1, 6), shown(2, 7), shown(3, 8)):
        watch.shown(message)
    watch.done(shown(1, 6))
    watch.begin_life()
    watch.shown(shown(2, 7))
    return watch


def test_a_message_that_a_restored_server_does_not_know_may_be_a_gap() -> None:
    watch = killed_before_the_last_was_done(gap_at=8)
    watch.restored = True
    watch.shown(shown(4, 8))


@pytest.mark.parametrize(("gap_at", "restored"), [(9, True), (8, False)])
def test_a_message_that_is_left_out_without_a_restore_or_beside_its_gap_is_found(
    gap_at: int, restored: bool
) -> None:
    watch = killed_before_the_last_was_done(gap_at)
    watch.restored = restored
    with pytest.raises(Violation, match=r"shown 4 and not \[3\]"):
        watch.shown(shown(4, gap_at))
