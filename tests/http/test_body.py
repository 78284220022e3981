"""How fast a body has to come, and what its reader's own slowness costs the sender: nothing."""

from collections.abc import Callable

import pytest
import trio
import trio.testing
from starlette.requests import Request
from starlette.types import Message

from imserver.http.body import Body
from imserver.media import UploadInterrupted


def request(size_bytes: int, every_s: float) -> Request:
    """A request whose body brings so many bytes, again and again after so long."""

    async def receive() -> Message:
        await trio.sleep(every_s)
        return {"type": "http.request", "body": bytes(size_bytes), "more_body": True}

    return Request({"type": "http", "method": "PATCH", "headers": []}, receive)


async def read(body: Body, seconds: float, then: Callable[[], float] = lambda: 0) -> int:
    """Read for so long, doing something for `then()` seconds after each part; how many bytes came."""
    came = 0
    with trio.move_on_after(seconds):
        async for data in body:
            came += len(data)
            await trio.sleep(then())
    return came


async def test_a_body_that_crawls_is_cut_though_bytes_keep_coming(
    autojump_clock: trio.testing.MockClock,
) -> None:
    body = Body(request(1, 5), 60, lambda: None)
    with pytest.raises(UploadInterrupted):
        await read(body, 3600)
    assert trio.current_time() <= 60


async def test_a_phone_on_2g_is_not_cut_even_with_pauses_of_most_of_a_minute(
    autojump_clock: trio.testing.MockClock,
) -> None:
    assert await read(Body(request(1000, 1), 60, lambda: None), 3600) > 3_500_000
    assert await read(Body(request(16 * 1024, 59), 60, lambda: None), 3600) == 61 * 16 * 1024


async def test_time_that_the_reader_takes_is_not_the_senders(autojump_clock: trio.testing.MockClock) -> None:
    assert await read(Body(request(1000, 1), 60, lambda: None), 36_000, then=lambda: 300) > 100_000
