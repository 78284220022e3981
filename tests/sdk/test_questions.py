"""Questions against a server that refuses them for now."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from improtocol import Code
from improtocol.frames import Reply
from improtocol.queries import Conversations
from imsdk.errors import Unavailable
from imsdk.questions import Questions
from imsdk.wakeup import Bell


async def asked_at(answer: Callable[[int], Reply], timeout_s: float) -> list[float]:
    """When one question is asked, of a server that gives `answer` to each, until the time is up."""
    questions, times, begin = Questions(Bell()), [], trio.current_time()
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            while True:
                await wait_all_tasks_blocked()
                for number, _ in questions.waiting():
                    times.append(trio.current_time() - begin)
                    questions.answer(answer(number))
                await trio.sleep(0.01)

        nursery.start_soon(serve)
        with pytest.raises(Unavailable):
            await questions.ask(Conversations(), timeout_s)
        nursery.cancel_scope.cancel()
    return times


async def test_a_question_refused_for_now_is_asked_again_after_pauses_that_double_up_to_five_seconds(
    autojump_clock: MockClock,
) -> None:
    times = await asked_at(lambda number: Reply(id=number, code=Code.DISK_FULL, retry_after_ms=1), 20.0)
    assert times == pytest.approx([0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 11.3, 16.3], abs=0.1)


async def test_a_question_is_not_asked_again_before_the_server_wishes(autojump_clock: MockClock) -> None:
    times = await asked_at(lambda number: Reply(id=number, code=Code.DISK_FULL, retry_after_ms=6000), 20.0)
    assert times == pytest.approx([0, 6, 12, 18], abs=0.1)


async def test_too_many_questions_at_once_wait_no_longer_each_time(autojump_clock: MockClock) -> None:
    """The last of hundreds would be out of time, although the server answers some at every turn."""
    times = await asked_at(lambda number: Reply(id=number, code=Code.RATE_LIMITED, retry_after_ms=500), 20.0)
    assert len(times) >= 38
