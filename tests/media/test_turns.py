"""One request an upload, and the newest wins."""

from contextlib import AsyncExitStack

import pytest
import trio
import trio.testing

from imserver.media import MediaBusy, UploadSuperseded
from imserver.media.turns import Turns


async def test_a_newer_request_cancels_the_older_one_and_waits_for_its_clean_up() -> None:
    turns = Turns(10)
    log: list[str] = []

    async def hold() -> None:
        async with turns.take("u", 1, "alice"):
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
        async with turns.take("u", 1, "alice"):
            log.append("newer begins")
    assert log == ["older cleaned up", "newer begins"]
    assert len(turns) == 0


async def test_of_many_requests_exactly_one_works_at_a_time() -> None:
    turns = Turns(10)
    working = 0

    async def request() -> None:
        nonlocal working
        try:
            async with turns.take("u", 1, "alice"):
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
    async with turns.take("a", 1, "alice"), turns.take("b", 2, "bob"):
        assert (turns.active("a"), turns.active("c")) == (True, False)
        with pytest.raises(MediaBusy):
            async with turns.take("c", 3, "carol"):
                pytest.fail("no third one")
    async with turns.take("c", 3, "carol"):
        pass


async def taken(turns: Turns, stack: AsyncExitStack, app: int, user: str) -> int:
    """Take places until one is refused; how many were given."""
    for number in range(1000):
        try:
            await stack.enter_async_context(turns.take(f"{app} {user} {number}", app, user))
        except MediaBusy:
            return number
    raise AssertionError("no bound")


async def test_a_user_who_takes_all_he_can_leaves_places_for_other_users_and_other_apps() -> None:
    turns = Turns(256)
    async with AsyncExitStack() as stack:
        assert await taken(turns, stack, 1, "greedy") == 86
        assert await taken(turns, stack, 1, "alice") >= 20
        assert await taken(turns, stack, 2, "bob") >= 40
        assert await taken(turns, stack, 3, "carol") >= 20


async def test_an_app_that_takes_all_it_can_leaves_half_of_the_places() -> None:
    turns = Turns(256)
    async with AsyncExitStack() as stack:
        given = [await taken(turns, stack, 1, f"user {number}") for number in range(200)]
        assert sum(given) == 128
        assert await taken(turns, stack, 2, "bob") >= 40


async def test_the_housekeeping_needs_no_place_and_gives_way_to_a_request() -> None:
    turns = Turns(1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turns.take("a", 1, "alice"))
        async with turns.take_idle("b"):
            assert turns.active("b")

    async def housekeeping() -> None:
        with pytest.raises(UploadSuperseded):
            async with turns.take_idle("a"):
                await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(housekeeping)
        await trio.testing.wait_all_tasks_blocked()
        async with turns.take("a", 1, "alice"):
            pass


async def test_an_error_in_the_block_passes_and_ends_the_turn() -> None:
    turns = Turns(2)
    with pytest.raises(ValueError, match="mine"):
        async with turns.take("a", 1, "alice"):
            raise ValueError("mine")
    assert not turns.active("a")
