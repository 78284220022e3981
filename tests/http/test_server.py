"""The real server on loopback: ports, cuts, early answers, memory, TLS, shutdown."""

import hashlib
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import trio

from imload.certificates import make_certificate
from imserver.http import Tls, serve
from imserver.http.server import bind
from imserver.media.disk import DiskBlobStore
from imserver.media.testing import MediaRoom
from tests.http.house import BODY, House

MIB = 1024 * 1024


@asynccontextmanager
async def served(house: House, tls: Tls | None = None) -> AsyncIterator[str]:
    """The house on a free port; the orderly shutdown at the end must not take longer than the grace."""
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(
            partial(serve, house.app, bind("127.0.0.1", 0), tls=tls, shutdown_trigger=stop.wait)
        )
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        stop.set()
        nursery.cancel_scope.deadline = trio.current_time() + 10
    assert not nursery.cancel_scope.cancelled_caught, "the server did not end by itself"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def request(method: str, path: str, headers: dict[str, str]) -> bytes:
    """A request's head, as bytes."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join((*lines, "", "")).encode()


async def test_the_real_port_is_reported_and_free_again_after_an_orderly_end(house: House) -> None:
    async with served(house) as url, httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/healthz")).status_code == 200
    with pytest.raises(OSError, match=r"refused|failed"):
        await trio.open_tcp_stream("127.0.0.1", port_of(url))
    bind("127.0.0.1", port_of(url)).close()


def test_a_taken_port_is_an_error_at_once() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", taken.getsockname()[1])


async def test_upload_of_20_mb_cut_ten_times_resumes_and_is_one_blob(tmp_path: Path) -> None:
    """Connections that are reset, and connections that are left half-open as after a change of network."""
    house = House(room=MediaRoom(DiskBlobStore(tmp_path / "media")))
    data = os.urandom(20 * MIB)
    headers, path = house.ticket(len(data))
    upload_id, steps = path.rpartition("/")[2], house.room.limits.append_bytes
    offsets: list[int] = [0]
    half_open = []
    async with served(house) as url, httpx.AsyncClient(base_url=url) as client:
        await client.post("/uploads", headers=headers | {"Upload-Length": str(len(data))})
        for cut in range(1, 11):
            stream = await trio.open_tcp_stream("127.0.0.1", port_of(url))
            sent_headers = {"Upload-Offset": str(offsets[-1]), "Content-Length": str(len(data) - offsets[-1])}
            await stream.send_all(request("PATCH", path, headers | BODY | sent_headers))
            await stream.send_all(data[offsets[-1] : offsets[-1] + 1_900_000 + cut])
            # Five steps are durable for sure; what lies beyond is lost or kept as the moment has it.
            while (await house.room.blobs.staged(upload_id)).offset_bytes < offsets[-1] + 5 * steps:
                pass
            if cut % 2:
                linger = (1).to_bytes(4, sys.byteorder) + (0).to_bytes(4, sys.byteorder)
                stream.socket.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )  # closing then sends a reset
                await stream.aclose()
            else:
                half_open.append(stream)
            head = await client.head(path, headers=headers)
            offsets.append(int(head.headers["Upload-Offset"]))
        patch = headers | BODY | {"Upload-Offset": str(offsets[-1])}
        done = await client.patch(path, headers=patch, content=data[offsets[-1] :])
        assert done.headers["Media-Id"] == hashlib.sha256(data).hexdigest()
        for stream in half_open:
            await stream.aclose()
        got = await client.get(house.link(done.headers["Media-Id"]))
        assert got.content == data
    kept = [after - before for before, after in pairwise(offsets)]
    assert min(kept) >= 5 * steps, "what arrived before a cut was thrown away"
    assert len([file for file in (tmp_path / "media" / "blobs").rglob("*") if file.is_file()]) == 1


# httpx wraps every body in a generator and leaves it open when the answer comes early; that is the client's
# matter.
@pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")
@pytest.mark.parametrize("body_bytes", [1000, 8 * MIB])
async def test_an_early_refusal_reaches_a_client_that_is_still_sending(house: House, body_bytes: int) -> None:
    """The application answers without reading the body; the answer arrives, and nothing is left hanging."""
    headers, path = house.ticket(body_bytes)
    async with served(house) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            await client.post("/uploads", headers=headers | {"Upload-Length": str(body_bytes)})
            patch = headers | BODY | {"Upload-Offset": "1"}
            refused = await client.patch(path, headers=patch, content=bytes(body_bytes - 1))
            assert (refused.status_code, refused.json()["code"]) == (409, "offset_conflict")
        stream = await trio.open_tcp_stream("127.0.0.1", port_of(url))
        async with stream, trio.open_nursery() as nursery:
            announced = {"Upload-Offset": "1", "Content-Length": str(body_bytes - 1)}
            await stream.send_all(request("PATCH", path, headers | BODY | announced))

            async def send_for_ever() -> None:
                try:
                    while True:
                        await stream.send_all(bytes(1000))
                except trio.BrokenResourceError:
                    pass

            if body_bytes > MIB:
                nursery.start_soon(send_for_ever)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 409")
            nursery.cancel_scope.cancel()


async def test_a_download_that_stops_short_is_seen_as_broken_and_not_as_whole(house: House) -> None:
    async with served(house) as url, httpx.AsyncClient(base_url=url) as client:
        done = await house.upload(client, bytes(5 * MIB))

        def leave(asked: int) -> None:
            if asked > 1:
                house.members.readers.clear()

        house.members.on_ask = leave
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(house.link(done.headers["Media-Id"]))


async def test_many_at_once_share_one_blob(house: House) -> None:
    data = bytes(300_000)
    ids = []
    async with served(house) as url, httpx.AsyncClient(base_url=url) as client:

        async def one() -> None:
            ids.append((await house.upload(client, data)).headers["Media-Id"])

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(one)
    assert ids == [hashlib.sha256(data).hexdigest()] * 20
    assert await house.room.catalog.app_bytes(1) == len(data)


# Memory ----------------------------------------------------------------------------------------------------

SERVER = """
import sys, trio
from functools import partial
from pathlib import Path
from imserver.http import serve
from imserver.http.server import bind
from imserver.media.disk import DiskBlobStore
from imserver.media.testing import MediaRoom
from tests.http.house import House

async def main():
    house = House(room=MediaRoom(DiskBlobStore(Path(sys.argv[1]))))
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve, house.app, bind("127.0.0.1", 0))
        print(port, flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()

trio.run(main)
"""


def peak_bytes(pid: int) -> int:
    """The most memory the process has held at any moment."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
async def test_50_mb_up_and_down_grow_the_servers_memory_by_a_few_mb_only(
    house: House, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", SERVER, str(tmp_path / "media")]
    block, blocks = os.urandom(MIB), 50
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child: trio.Process = await nursery.start(run)
        assert child.stdout is not None
        assert child.stdin is not None
        port = int(await child.stdout.receive_some())
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def round_trip(count: int) -> None:
                async def body() -> AsyncIterator[bytes]:
                    for _ in range(count):
                        yield block

                headers, path = house.ticket(count * MIB)
                await client.post("/uploads", headers=headers | {"Upload-Length": str(count * MIB)})
                done = await client.patch(
                    path, headers=headers | BODY | {"Upload-Offset": "0"}, content=body(), timeout=60
                )
                assert done.status_code == 204
                sha256, size = hashlib.sha256(), 0
                async with client.stream(
                    "GET", house.link(done.headers["Media-Id"], user="alice")
                ) as response:
                    async for chunk in response.aiter_raw():
                        sha256.update(chunk)
                        size += len(chunk)
                assert (size, sha256.hexdigest()) == (count * MIB, done.headers["Media-Id"])

            await round_trip(3)  # loads what is loaded once
            before = peak_bytes(child.pid)
            await round_trip(blocks)
            grown = peak_bytes(child.pid) - before
        await child.stdin.aclose()
    assert grown < 8 * MIB, f"{grown / MIB:.1f} MiB for a file of {blocks} MiB"


# TLS -------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """A self-signed certificate for 127.0.0.1."""
    certificate, key = make_certificate(tmp_path)
    return Tls(certificate=certificate, key=key)


async def test_tls_1_3_is_served_and_1_2_refused(house: House, tls: Tls) -> None:
    def trusting(url: str, limit: Callable[[ssl.SSLContext], None]) -> httpx.AsyncClient:
        context = ssl.create_default_context(cafile=str(tls.certificate))
        limit(context)
        return httpx.AsyncClient(verify=context, base_url=url)

    def only_1_2(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    async with served(house, tls) as url:
        async with trusting(url, lambda context: None) as client:
            done = await house.upload(client, b"shoes")
            assert (await client.get(house.link(done.headers["Media-Id"]))).content == b"shoes"
        async with trusting(url, only_1_2) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{url}/healthz")
