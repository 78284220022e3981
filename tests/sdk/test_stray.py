"""A session that was taken over: by a stray connection of one's own, or by somebody else."""

import trio

from improtocol import Code, NextAction
from imsdk.ending import Ended
from imsdk.stray import STRAY_S_MAX, STRAYS_BEFORE, Strays

REPLACED = Ended(action=NextAction.STOP, reason="replaced", code=Code.REPLACED)


def greet(strays: Strays, *, answered: bool) -> None:
    strays.greeted()
    if answered:
        strays.answered()


async def running() -> Strays:
    """Those of a process that has run for a while."""
    strays = Strays()
    greet(strays, answered=True)
    await trio.sleep(STRAY_S_MAX)
    return strays


async def test_who_left_a_greeting_unanswered_was_replaced_by_its_own_stray(autojump_clock: object) -> None:
    strays = await running()
    greet(strays, answered=False)
    await trio.sleep(3)
    greet(strays, answered=True)
    assert strays.excuse(REPLACED)


async def test_whose_greetings_were_all_answered_was_replaced_by_somebody_else(
    autojump_clock: object,
) -> None:
    strays = await running()
    for _ in range(3):
        greet(strays, answered=True)
    assert not strays.excuse(REPLACED)


async def test_each_stray_excuses_once(autojump_clock: object) -> None:
    """Flapping between networks leaves several; a copy of the store would go on for ever."""
    strays = await running()
    greet(strays, answered=False)
    greet(strays, answered=False)
    for expected in (True, True, False, False):
        greet(strays, answered=True)
        await trio.sleep(1)
        assert strays.excuse(REPLACED) is expected


async def test_a_stray_is_forgotten_when_its_segments_are(autojump_clock: object) -> None:
    strays = await running()
    greet(strays, answered=False)
    await trio.sleep(STRAY_S_MAX)
    greet(strays, answered=True)
    assert not strays.excuse(REPLACED)


async def test_other_reasons_to_stop_are_not_excused(autojump_clock: object) -> None:
    strays = await running()
    greet(strays, answered=False)
    greet(strays, answered=True)
    assert not strays.excuse(Ended(action=NextAction.STOP, reason="revoked", code=Code.SESSION_ENDED))


async def test_what_an_earlier_process_had_under_way_may_come_soon_after_the_start(
    autojump_clock: object,
) -> None:
    """It was killed while it connected; nobody knows how often it had tried."""
    strays = Strays()
    for number in range(STRAYS_BEFORE + 1):
        greet(strays, answered=True)
        assert strays.excuse(REPLACED) is (number < STRAYS_BEFORE), "a copy of the store must not go on"
    late = await running()
    greet(late, answered=True)
    assert not late.excuse(REPLACED)
