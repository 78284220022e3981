"""Answers before the request's body was read, without losing the answer or the connection's task."""

from typing import Final

import trio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: How much of the rest is read, and for how long, so that the sender gets to read the answer: closing a
#: socket with unread bytes makes TCP reset it, and a reset throws away what the peer has not read yet.
_LINGER_BYTES_MAX: Final = 256 * 1024
_LINGER_S_MAX: Final = 2


class UnreadBody:
    """Middleware that goes on reading a body the application does not want, while its answer goes out.

    hypercorn puts body parts into a bounded queue and waits; an application that returns without reading them
    would leave its connection's reader waiting for ever.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ended = not _announces_body(scope)

        async def watched_receive() -> Message:
            nonlocal ended
            message = await receive()
            ended = ended or message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        async def drain(bytes_max: float) -> None:
            while not ended and bytes_max > 0:
                bytes_max -= len((await watched_receive()).get("body", b""))

        async def lingering_send(message: Message) -> None:
            if ended or message["type"] != "http.response.body" or message.get("more_body", False):
                await send(message)
                return
            await send({**message, "more_body": True})
            with trio.move_on_after(_LINGER_S_MAX):
                await drain(_LINGER_BYTES_MAX)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(drain, float("inf"))
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                nursery.cancel_scope.cancel()

        await self._app(scope, watched_receive, lingering_send)


def _announces_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return (
        scope["http_version"] == "2"
        or b"transfer-encoding" in headers
        or headers.get(b"content-length", b"0") != b"0"
    )
