"""A request's body as it streams in."""

import trio
from starlette.requests import Request

from imserver.media import UploadInterrupted


class Body:
    """Iterates over a request's body; no bytes within `idle_s_max` count as a lost connection.

    A class and not an async generator: a generator that is left early waits for the garbage collector to
    close it.
    """

    def __init__(self, request: Request, idle_s_max: float) -> None:
        self._receive = request.receive
        self._idle_s_max = idle_s_max
        self._ended = False

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        with trio.move_on_after(self._idle_s_max):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise UploadInterrupted("the connection was lost")
            self._ended = not message.get("more_body", False)
            data: bytes = message.get("body", b"")
            return data
        raise UploadInterrupted(f"no bytes came for {self._idle_s_max} s")
