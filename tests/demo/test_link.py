"""The demo's network does to bytes what it says, on real sockets.

That nothing comes can only be seen by looking for a while (`is_silent`); on a slow machine such a look may
miss a fault, never invent one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import trio

from imserver.demo.link import Direction, Link


@dataclass
class Far:
    """A server that keeps every connection it gets, and where it came from."""

    streams: list[trio.SocketStream] = field(default_factory=list)
    port: int = 0
    arrived: trio.Event = field(default_factory=trio.Event)

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        self.port = listener.socket.getsockname()[1]

        async def keep(stream: trio.SocketStream) -> None:
            self.streams.append(stream)
            self.arrived.set()
            await trio.sleep_forever()

        task_status.started()
        await trio.serve_listeners(keep, [listener])

    async def next_stream(self, number: int) -> trio.SocketStream:
        while len(self.streams) <= number:
            self.arrived = trio.Event()
            await self.arrived.wait()
        return self.streams[number]


@asynccontextmanager
async def network(link: Link) -> AsyncIterator[tuple[Far, Callable[[], Awaitable[trio.SocketStream]]]]:
    """A server behind `link`, and the way for an app to connect to it."""
    far = Far()
    dialed: list[trio.SocketStream] = []
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(far.serve)
            port = await nursery.start(link.serve, "chat", lambda: far.port)

            async def dial() -> trio.SocketStream:
                dialed.append(await trio.open_tcp_stream("127.0.0.1", port))
                return dialed[-1]

            yield far, dial
            for stream in (*dialed, *far.streams):
                await stream.aclose()
            nursery.cancel_scope.cancel()


async def read(stream: trio.SocketStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = await stream.receive_some()
        assert more, "the connection ended"
        data += more
    return data


async def is_silent(stream: trio.SocketStream) -> bool:
    """Nothing comes, the end of the connection included."""
    with trio.move_on_after(0.05):
        await stream.receive_some(1)
        return False
    return True


async def test_bytes_pass_both_ways_and_are_counted() -> None:
    link = Link()
    async with network(link) as (far, dial):
        app = await dial()
        await app.send_all(b"hello")
        server = await far.next_stream(0)
        assert await read(server, 5) == b"hello"
        await server.send_all(b"hi")
        assert await read(app, 2) == b"hi"
    assert link.bytes_passed == {("chat", Direction.UP): 5, ("chat", Direction.DOWN): 2}


async def test_outage_delays_bytes_and_loses_none() -> None:
    link = Link()
    async with network(link) as (far, dial):
        app = await dial()
        await app.send_all(b"1")
        server = await far.next_stream(0)
        await read(server, 1)
        link.hold("tunnel")
        await app.send_all(b"2")
        await server.send_all(b"3")
        assert await is_silent(server)
        assert await is_silent(app)
        link.release("tunnel")
        assert await read(server, 1) == b"2"
        assert await read(app, 1) == b"3"


async def test_outage_of_one_direction_leaves_the_other_open() -> None:
    link = Link()
    async with network(link) as (far, dial):
        app = await dial()
        await app.send_all(b"1")
        server = await far.next_stream(0)
        await read(server, 1)
        link.hold("tunnel", Direction.DOWN)
        await server.send_all(b"d")
        await app.send_all(b"u")
        assert await read(server, 1) == b"u"
        assert await is_silent(app)


async def test_outage_lasts_until_every_reason_has_ended() -> None:
    link = Link()
    async with network(link) as (far, dial):
        app = await dial()
        await app.send_all(b"1")
        server = await far.next_stream(0)
        await read(server, 1)
        link.hold("tunnel")
        link.hold("lift")
        await app.send_all(b"2")
        link.release("tunnel")
        assert await is_silent(server)
        assert link.held == {"lift"}
        link.release("lift")
        assert await read(server, 1) == b"2"


async def test_roaming_strands_the_old_connection_and_gives_the_new_one_another_address() -> None:
    """Neither side of the old connection hears anything, an end included; the new one works."""
    link = Link()
    link.address = "127.0.0.2"
    async with network(link) as (far, dial):
        old_app = await dial()
        await old_app.send_all(b"1")
        old_server = await far.next_stream(0)
        await read(old_server, 1)
        assert link.roam("127.0.1.7") == 1
        await old_app.send_all(b"lost")
        await old_app.aclose()
        assert await is_silent(old_server), "the server must not see that the phone is gone"
        app = await dial()
        await app.send_all(b"2")
        server = await far.next_stream(1)
        assert await read(server, 1) == b"2"
        assert old_server.socket.getpeername()[0] == "127.0.0.2"
        assert server.socket.getpeername()[0] == "127.0.1.7"


async def test_stranding_frees_what_waits_in_an_outage_without_delivering_it() -> None:
    link = Link()
    async with network(link) as (far, dial):
        app = await dial()
        await app.send_all(b"1")
        server = await far.next_stream(0)
        await read(server, 1)
        link.hold("lift")
        await app.send_all(b"2")
        link.strand()
        link.release("lift")
        assert await is_silent(server)


async def test_server_giving_up_a_stranded_connection_is_told() -> None:
    fenced = trio.Event()
    link = Link(on_fenced=lambda service: fenced.set())
    async with network(link) as (far, dial):
        app = await dial()
        await app.send_all(b"1")
        server = await far.next_stream(0)
        await read(server, 1)
        link.strand()
        await server.aclose()
        await fenced.wait()
        assert await is_silent(app)


async def test_server_talking_into_a_stranded_connection_does_not_give_it_up_by_that() -> None:
    told: list[str] = []
    link = Link(on_fenced=told.append)
    async with network(link) as (far, dial):
        app = await dial()
        await app.send_all(b"1")
        server = await far.next_stream(0)
        await read(server, 1)
        link.strand()
        await server.send_all(b"into the void")
        assert await is_silent(app)
        assert told == []


async def test_reset_ends_both_sides_at_once() -> None:
    link = Link()
    async with network(link) as (far, dial):
        app = await dial()
        await app.send_all(b"1")
        server = await far.next_stream(0)
        await read(server, 1)
        assert link.reset() == 1
        for side in (app, server):
            with suppress(trio.BrokenResourceError):
                assert await side.receive_some() == b""


async def test_end_of_one_side_reaches_the_other() -> None:
    link = Link()
    async with network(link) as (far, dial):
        app = await dial()
        await app.send_all(b"1")
        server = await far.next_stream(0)
        await read(server, 1)
        await app.aclose()
        assert await server.receive_some() == b""


async def test_nobody_listening_is_an_end_and_not_a_hang() -> None:
    link = Link()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            unused = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
            closed_port = unused.socket.getsockname()[1]
            await unused.aclose()
            port = await nursery.start(link.serve, "chat", lambda: closed_port)
            async with await trio.open_tcp_stream("127.0.0.1", port) as app:
                assert await app.receive_some() == b""
            nursery.cancel_scope.cancel()
