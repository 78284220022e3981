"""The composed server, in this process, on real sockets of the loopback interface."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing

from imserver.app import control
from imserver.app import server as app_server
from imserver.app.backends import Backends
from imserver.app.bound import Bound
from imserver.app.errors import CannotServe
from imserver.app.server import Server
from imserver.config import Config
from imserver.core import CoreLimits
from imserver.media import MediaBusy, OutOfSpace
from imserver.media.memory import MemoryBlobStore
from imserver.storage.store import Store, StoreBroken
from tests.app.house import FaultyStore

Start = Callable[..., "Running"]


class Failed:
    """Stands in for the end of the process."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.happened = trio.Event()

    def __call__(self, error: BaseException, *, part: str) -> None:
        self.parts.append(part)
        self.happened.set()


class Running:
    def __init__(self, folder: Path, store: Store, **keys: object) -> None:
        self.failed = Failed()
        self.config = Config.model_validate(
            {"data_dir": folder, "listen": ["tcp://127.0.0.1:0"], "http": "http://127.0.0.1:0", **keys}
        )
        backends = Backends(store=store, blobs=MemoryBlobStore())
        self.server = Server(self.config, backends, fail=self.failed)

    async def start(self, nursery: trio.Nursery) -> Bound:
        self.bound: Bound = await nursery.start(self.server.run)
        return self.bound


async def test_a_stopped_server_drains_and_gives_its_ports_back(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    running = Running(tmp_path, FaultyStore())
    async with trio.open_nursery() as inner:
        bound = await running.start(inner)
        host, port = bound.listen[0].removeprefix("tcp://").split(":")
        (await trio.open_tcp_stream(host, int(port))).socket.close()
        running.server.stop()
    with pytest.raises(OSError, match="connect"):
        await trio.open_tcp_stream(host, int(port))
    with pytest.raises(httpx.ConnectError):
        async with httpx.AsyncClient() as client:
            await client.get(bound.http)
    assert running.failed.parts == []


async def test_it_says_that_it_drains(tmp_path: Path, nursery: trio.Nursery) -> None:
    running = Running(tmp_path, FaultyStore())
    await running.start(nursery)
    assert running.server.health().ok
    running.server.stop()
    with trio.fail_after(30):
        while running.server.health().status != "draining":
            await trio.lowlevel.checkpoint()
    assert not running.server.health().ok


async def start_with_a_client(running: Running, nursery: trio.Nursery) -> trio.SocketStream:
    """Start it, and connect a client that will not go away by itself; returns the client's end."""
    bound = await running.start(nursery)
    host, port = bound.listen[0].removeprefix("tcp://").split(":")
    stream = await trio.open_tcp_stream(host, int(port))
    while not running.server.health().details["connections"]:
        await trio.lowlevel.checkpoint()
    return stream


async def test_while_it_drains_healthz_says_503(tmp_path: Path, nursery: trio.Nursery) -> None:
    running = Running(tmp_path, FaultyStore(), drain_s=3600)
    stream = await start_with_a_client(running, nursery)
    async with stream, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{running.bound.http}/healthz")).status_code == 200
        running.server.stop()
        await trio.testing.wait_all_tasks_blocked()
        answer = await client.get(f"{running.bound.http}/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    nursery.cancel_scope.cancel()


class Upload:
    """An upload whose last byte is still to come."""

    def __init__(self, running: Running) -> None:
        ticket, upload_id = running.server.media.tickets.issue_upload(
            app=1, user="a", size_bytes=2, mime="text/plain", name="a.txt"
        )
        self.headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {ticket}"}
        self.url = f"{running.bound.http}/uploads"
        self.path = f"{self.url}/{upload_id}"
        self.begun, self.rest = trio.Event(), trio.Event()
        self.answer: httpx.Response | None = None
        self.ended = trio.Event()

    async def _body(self) -> AsyncIterator[bytes]:
        yield b"a"
        self.begun.set()
        await self.rest.wait()
        yield b"b"

    async def run(self) -> None:
        patch = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        async with httpx.AsyncClient(trust_env=False, timeout=None) as client:
            await client.post(self.url, headers=self.headers | {"Upload-Length": "2"})
            with suppress(httpx.HTTPError):
                self.answer = await client.patch(
                    self.path, headers=self.headers | patch | {"Content-Length": "2"}, content=self._body()
                )
        self.ended.set()


async def begin_upload(running: Running, nursery: trio.Nursery) -> Upload:
    """The server has the first byte and waits for the last."""
    upload = Upload(running)
    nursery.start_soon(upload.run)
    await upload.begun.wait()
    await trio.testing.wait_all_tasks_blocked()
    return upload


async def test_an_upload_may_end_while_the_server_drains(
    tmp_path: Path, nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    running = Running(tmp_path, FaultyStore(), drain_s=20)
    await running.start(nursery)
    upload = await begin_upload(running, nursery)
    running.server.stop()
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(19)
    await trio.testing.wait_all_tasks_blocked()
    upload.rest.set()
    await upload.ended.wait()
    assert upload.answer is not None
    assert upload.answer.status_code == 204


async def test_a_drain_ends_though_an_upload_and_a_client_do_not(
    tmp_path: Path, nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    running = Running(tmp_path, FaultyStore(), drain_s=20)
    async with trio.open_nursery() as inner:
        stream = await start_with_a_client(running, inner)
        upload = await begin_upload(running, nursery)
        running.server.stop()
        await trio.testing.wait_all_tasks_blocked()
        assert running.server.health().status == "draining"
        for _ in range(24):
            mock_clock.jump(1)
            await trio.testing.wait_all_tasks_blocked()
    assert upload.answer is None
    assert running.failed.parts == []
    await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_a_broken_store_behind_a_download_ends_the_server(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """The core has not touched the store: the HTTP room alone sees it, answers 503, and the server ends."""
    store = FaultyStore()
    running = Running(tmp_path, store)
    bound = await running.start(nursery)
    link = running.server.media.tickets.issue_link(app=1, user="a", conversation=1, sha256=b"\x01" * 32)
    store.fault = StoreBroken("I/O error")

    async def broken(*_: object) -> bool:
        raise StoreBroken("I/O error")

    store.user_ids = broken  # type: ignore[assignment,method-assign]
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{bound.http}/media/{link}")
    assert answer.status_code == 503
    with trio.fail_after(30):
        await running.failed.happened.wait()
    assert running.failed.parts == ["store"]
    nursery.cancel_scope.cancel()


async def test_a_broken_store_behind_administration_ends_the_server(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    running = Running(tmp_path, store)
    await running.start(nursery)
    store.fault = StoreBroken("I/O error")

    async def request() -> None:
        async with await trio.open_unix_socket(str(control.socket_path(tmp_path))) as stream:
            await stream.send_all(b'{"do": "app_create", "name": "shoes"}\n')
            assert await stream.receive_some() == b""  # no answer: nothing is acknowledged any more

    await request()
    with trio.fail_after(30):
        await running.failed.happened.wait()
    assert running.failed.parts == ["control"]
    nursery.cancel_scope.cancel()


async def test_a_start_that_fails_is_an_error_and_no_failure(tmp_path: Path) -> None:
    with trio.socket.socket() as other:
        await other.bind(("127.0.0.1", 0))
        other.listen()
        url = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        running = Running(tmp_path, FaultyStore(), listen=[url])
        with pytest.RaisesGroup(
            pytest.RaisesExc(CannotServe, match=f"cannot listen on {url}: Address already")
        ):
            await running.server.run()
    assert running.failed.parts == []


async def test_limits_of_the_configuration_reach_the_rooms(tmp_path: Path, nursery: trio.Nursery) -> None:
    running = Running(
        tmp_path, FaultyStore(), core=CoreLimits(session_days=3), media={"upload_bytes_max": 300_000}
    )
    bound = await running.start(nursery)
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.options(f"{bound.http}/uploads")
    assert answer.headers["Tus-Max-Size"] == "300000"
    nursery.cancel_scope.cancel()


async def test_behind_a_proxy_on_the_same_machine_strangers_see_neither_metrics_nor_health(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    running = Running(tmp_path, FaultyStore(), http_public_url="https://chat.example.com")
    bound = await running.start(nursery)
    async with httpx.AsyncClient(trust_env=False) as client:
        for path in ("metrics", "healthz"):
            assert (await client.get(f"{bound.http}/{path}")).status_code == 404
    assert bound.operations is None
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("error", [MediaBusy("busy"), OutOfSpace("full"), OverflowError("a fault of ours")])
async def test_a_sweep_that_fails_is_done_later_and_ends_nobody(
    tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    again = trio.Event()
    errors = [error]

    async def sweep() -> int:
        if errors:
            raise errors.pop()
        again.set()
        await trio.sleep_forever()

    monkeypatch.setattr(app_server, "_SWEEP_S", 0)
    running = Running(tmp_path, FaultyStore())
    monkeypatch.setattr(running.server.media, "sweep", sweep)
    await running.start(nursery)
    with trio.fail_after(5):
        await again.wait()
    assert running.failed.parts == []
    nursery.cancel_scope.cancel()


async def test_a_ban_shuts_uploads_too_whatever_ticket_there_is(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    running = Running(tmp_path, FaultyStore())
    bound = await running.start(nursery)
    ticket, _ = running.server.media.tickets.issue_upload(
        app=1, user="alice", size_bytes=5, mime="text/plain", name="a.txt"
    )
    headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {ticket}", "Upload-Length": "5"}
    statuses = []
    async with httpx.AsyncClient(trust_env=False) as client:
        for change in (running.server._core.ban, running.server._core.unban):
            await change(1, "alice")
            statuses.append((await client.post(f"{bound.http}/uploads", headers=headers)).status_code)
    assert statuses == [403, 201]
    nursery.cancel_scope.cancel()
