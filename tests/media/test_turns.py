"""One request an upload, and the newest wins."""

import pytest
import trio
import trio.testing

from imserver.media import MediaBusy, UploadSuperseded
from imserver.media.turns import Turns


async def test_a_newer_request_cancels_the_older_one_and_waits_for_its_clean_up() -> None:
    turns = Turns(10)
    log: list[str] = []

    async def hold() -> None:
        async with turns.take("u"):
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.testing.wait_all_tasks_blocked()
                log.append("older cleaned up")

    async def older() -> None:
        with pytest.raises(UploadSuperseded):
            await hold()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(older)
        await trio.testing.wait_all_tasks_blocked()
        async with turns.take("u"):
            log.append("newer begins")
    assert log == ["older cleaned up", "newer begins"]
    assert len(turns) == 0


async def test_of_many_requests_exactly_one_works_at_a_time() -> None:
    turns = Turns(10)
    working = 0

    async def request() -> None:
        nonlocal working
        try:
            async with turns.take("u"):
                working += 1
                assert working == 1
                try:
                    await trio.lowlevel.checkpoint()
                finally:
                    working -= 1
        except UploadSuperseded:
            pass

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(request)
    assert len(turns) == 0


async def test_other_uploads_are_not_disturbed_and_all_of_them_are_bounded() -> None:
    turns = Turns(2)
    async with turns.take("a"), turns.take("b"):
        assert (turns.active("a"), turns.active("c")) == (True, False)
        with pytest.raises(MediaBusy):
            async with turns.take("c"):
                pytest.fail("no third one")
    async with turns.take("c"):
        pass


async def test_an_error_in_the_block_passes_and_ends_the_turn() -> None:
    turns = Turns(2)
    with pytest.raises(ValueError, match="mine"):
        async with turns.take("a"):
            raise ValueError("mine")
    assert not turns.active("a")
