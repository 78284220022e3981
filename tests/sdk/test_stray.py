"""A session that was taken over: by a stray connection of one's own, or by somebody else."""

import trio

from improtocol import Code, NextAction
from imsdk.ending import Ended
from imsdk.stray import STRAY_S_MAX, Strays

REPLACED = Ended(action=NextAction.STOP, reason="replaced", code=Code.REPLACED)


async def test_who_dialled_twice_in_short_order_was_replaced_by_its_own_stray(autojump_clock: object) -> None:
    strays = Strays()
    strays.dialled()
    await trio.sleep(3)
    strays.dialled()
    assert strays.excuse(REPLACED)


async def test_who_dialled_once_was_replaced_by_somebody_else(autojump_clock: object) -> None:
    strays = Strays()
    strays.dialled()
    assert not strays.excuse(REPLACED)


async def test_nobody_fights_with_a_copy_of_the_store(autojump_clock: object) -> None:
    strays = Strays()
    for expected in (False, True, False, False):
        strays.dialled()
        await trio.sleep(1)
        assert strays.excuse(REPLACED) is expected


async def test_a_stray_is_forgotten_when_its_segments_are(autojump_clock: object) -> None:
    strays = Strays()
    strays.dialled()
    await trio.sleep(STRAY_S_MAX)
    strays.dialled()
    assert not strays.excuse(REPLACED)


async def test_other_reasons_to_stop_are_not_excused(autojump_clock: object) -> None:
    strays = Strays()
    strays.dialled()
    strays.dialled()
    assert not strays.excuse(Ended(action=NextAction.STOP, reason="revoked", code=Code.SESSION_ENDED))
