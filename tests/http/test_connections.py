"""One connection, whatever its peer does while the server answers: it ends, and when the server says so."""

import pytest
import trio
import trio.testing
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext

from imserver.http.connections import Connections
from imserver.media.memory import MemoryBlobStore
from imserver.media.store import Staged
from imserver.media.testing import MediaRoom
from tests.http.house import BODY, House
from tests.http.test_server import request

CHUNKS = b"1\r\na\r\n" * 40
MIB = 1024 * 1024


def connections_of(house: House) -> Connections:
    return Connections(ASGIWrapper(house.app), Config(), WorkerContext(None))  # type: ignore[arg-type]


class SlowStore(MemoryBlobStore):
    """Answers once nothing else goes on: by then the parts of a body have filled the application's queue."""

    async def staged(self, upload_id: str) -> Staged:
        await trio.testing.wait_all_tasks_blocked()
        return await super().staged(upload_id)


class Reset(trio.abc.SendStream):
    """What sending meets once the peer has reset the connection."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        raise trio.BrokenResourceError

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("offset", [5, 0], ids=["an early answer", "an upload"])
async def test_a_reset_while_a_body_still_comes_ends_the_connection(
    autojump_clock: trio.testing.MockClock, offset: int
) -> None:
    """More parts than fit the queue to the application, which wants to answer a peer that is gone."""
    house = House(room=MediaRoom(SlowStore()))
    headers, path = house.ticket(10)
    async with house.client() as client:
        await client.post("/uploads", headers=headers | {"Upload-Length": "10"})
    peer, received = trio.testing.memory_stream_one_way_pair()
    stream = trio.StapledStream(Reset(), received)
    chunked = {"Upload-Offset": str(offset), "Transfer-Encoding": "chunked"}
    await peer.send_all(request("PATCH", path, headers | BODY | chunked) + CHUNKS)
    with trio.fail_after(60):
        await connections_of(house).serve(stream)  # type: ignore[arg-type]


async def test_a_peer_that_reads_slowly_does_not_hold_up_the_end(
    house: House, autojump_clock: trio.testing.MockClock
) -> None:
    async with house.client() as client:
        media_id = (await house.upload(client, bytes(MIB))).headers["Media-Id"]
    peer, stream = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:

        async def slow_reader() -> None:
            await peer.send_all(request("GET", house.link(media_id), {}))
            async for _ in peer:
                await trio.sleep(100)

        nursery.start_soon(slow_reader)
        with trio.move_on_after(10) as grace:
            await connections_of(house).serve(stream)  # type: ignore[arg-type]
        assert grace.cancelled_caught, "it ended by itself"
        assert trio.current_time() < 11
        nursery.cancel_scope.cancel()


async def test_a_connection_that_its_peer_has_closed_is_over_at_once(
    house: House, autojump_clock: trio.testing.MockClock
) -> None:
    peer, stream = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connections_of(house).serve, stream)
        await trio.testing.wait_all_tasks_blocked()
        await peer.send_eof()
    assert trio.current_time() < 1
