"""A request's body as it streams in."""

from collections.abc import Callable
from typing import Final

import trio
from starlette.requests import Request

from imserver.media import UploadInterrupted

#: What a body has to bring within each `idle_s_max`. A phone on 2G brings ten times as much in a minute; who
#: sends a byte a minute would hold one of the places of running uploads for days.
_BYTES_MIN: Final = 16 * 1024


class Body:
    """Iterates over a request's body; too few bytes within `idle_s_max` count as a lost connection.

    Only waiting for bytes counts, not what is done with them: a slow disk is not the sender's fault.

    A class and not an async generator: a generator that is left early waits for the garbage collector to
    close it.
    """

    def __init__(self, request: Request, idle_s_max: float, check: Callable[[], None]) -> None:
        """Nothing is read yet.

        Args:
            request: whose body.
            idle_s_max: see above.
            check: called for each part; what it raises ends the body before the part.
        """
        self._receive = request.receive
        self._check = check
        self._idle_s_max = idle_s_max
        self._ended = False
        self._begin_span()

    def _begin_span(self) -> None:
        self._wait_s, self._wanted_bytes = self._idle_s_max, _BYTES_MIN

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        asked_s = trio.current_time()
        with trio.move_on_after(self._wait_s):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise UploadInterrupted("the connection was lost")
            self._check()
            self._ended = not message.get("more_body", False)
            data: bytes = message.get("body", b"")
            self._count(len(data), trio.current_time() - asked_s)
            return data
        raise UploadInterrupted(f"fewer than {_BYTES_MIN} bytes came in {self._idle_s_max} s")

    def _count(self, size_bytes: int, waited_s: float) -> None:
        self._wait_s = max(0, self._wait_s - waited_s)
        self._wanted_bytes -= size_bytes
        if self._wanted_bytes <= 0:
            self._begin_span()
