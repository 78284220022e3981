"""An answer that comes before the body was read: it goes out first, and the body never blocks the server."""

import trio
import trio.testing
from starlette.types import Message, Receive, Scope, Send

from imserver.http.unread import UnreadBody

SCOPE: Scope = {"type": "http", "http_version": "1.1", "headers": [(b"content-length", b"9999999")]}


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without reading."""
    await send({"type": "http.response.start", "status": 409, "headers": []})
    await send({"type": "http.response.body", "body": b"no", "more_body": False})


class Server:
    """What the application talks to: body parts in a bounded queue, and a log of what happened."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.put, self._parts = trio.open_memory_channel[Message](1)

    async def receive(self) -> Message:
        message = await self._parts.receive()
        self.log.append(f"read {len(message['body'])}")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.log.append(f"sent {message['body'].decode()!r} more={message['more_body']}")
            if not message["more_body"]:
                # As hypercorn does: the end of the answer is followed by a message into the body's queue.
                await self.put.send(part(b"", more=False))
                self.log.append("closed")

    async def client(self, parts: int, size: int) -> None:
        for _ in range(parts):
            await self.put.send(part(bytes(size)))


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_the_answer_goes_out_first_then_a_bounded_rest_is_read_then_it_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = Server()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.client, 100, 64 * 1024)
        with trio.fail_after(60):
            await UnreadBody(refuse)(SCOPE, server.receive, server.send)
        nursery.cancel_scope.cancel()
    assert server.log[:6] == ["sent 'no' more=True", *["read 65536"] * 4, "sent '' more=False"]
    assert "closed" in server.log


async def test_a_silent_rest_is_not_waited_for_longer_than_a_moment(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = Server()
    started = trio.current_time()
    with trio.fail_after(60):
        await UnreadBody(refuse)(SCOPE, server.receive, server.send)
    assert trio.current_time() - started <= 2
    assert "closed" in server.log


async def test_a_body_that_was_read_to_its_end_costs_no_extra_message(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def read_then_answer(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        await refuse(scope, receive, send)

    server = Server()
    async with trio.open_nursery() as nursery:

        async def client() -> None:
            await server.put.send(part(b"abc"))
            await server.put.send(part(b"", more=False))

        nursery.start_soon(client)
        await UnreadBody(read_then_answer)(SCOPE, server.receive, server.send)
    assert server.log == ["read 3", "read 0", "sent 'no' more=False", "closed"]
