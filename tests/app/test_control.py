import json
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog.testing
import trio
import trio.testing

from imserver.app.admin import Admin
from imserver.app.control import PATH_BYTES_MAX, ask, serve_control, socket_path
from imserver.app.errors import AdminError, CannotServe
from imserver.core import Core, SystemClock, TokenVerifier
from imserver.storage.memory import MemoryStore


def make_admin() -> Admin:
    store = MemoryStore()
    core = Core(store, TokenVerifier())
    return Admin(store, core, clock=SystemClock(), media_quota_bytes=1, changed=trio.lowlevel.checkpoint)


@pytest.fixture
async def path(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Path]:
    """A served control socket."""
    admin = make_admin()
    yield await nursery.start(serve_control, tmp_path, admin)
    nursery.cancel_scope.cancel()


async def exchange(path: Path, sent: bytes) -> bytes:
    received = b""
    async with await trio.open_unix_socket(os.fspath(path)) as stream:
        await stream.send_all(sent)
        async for more in stream:
            received += more
    return received


async def test_a_line_is_answered_by_a_line(path: Path) -> None:
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600  # noqa: PTH116 - a socket of ours, at once
    answer = json.loads(await exchange(path, b'{"do": "app_create", "name": "shoes"}\n'))
    assert answer["ok"]["app"] == "shoes"
    again = json.loads(await exchange(path, b'{"do": "app_create", "name": "shoes"}\n'))
    assert "already" in again["error"]


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b"{}\n",
        b'{"do": "app_create"}\n',
        b'{"do": "app_create", "name": "x", "media_quota_bytes": "y"}\n',
        b'{"do": "key_add", "app": "shoes"}\n',
        b"\xff\n",
        b"[" * 60_000 + b"\n",
        b"x" * 65_536,
    ],
)
async def test_what_has_not_the_right_form_is_refused_and_the_next_is_served(path: Path, line: bytes) -> None:
    assert "error" in json.loads(await exchange(path, line))
    assert json.loads(await exchange(path, b'{"do": "app_list"}\n')) == {"ok": {"apps": []}}


async def test_the_log_tells_what_was_done_from_what_was_refused(path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        await exchange(path, b'{"do": "key_revoke", "app": "nowhere", "kid": "1"}\n')
        await exchange(path, b'{"do": "app_create", "name": "shoes"}\n')
        await exchange(path, b'{"do": "user_ban"}\n')
    assert [(line["event"], line["do"]) for line in lines] == [
        ("administration_refused", "key_revoke"),
        ("administration", "app_create"),
        ("administration_refused", "user_ban"),
    ]
    assert "nowhere" in lines[0]["reason"]


async def test_whoever_leaves_early_or_says_nothing_keeps_nobody_waiting(path: Path) -> None:
    async with await trio.open_unix_socket(os.fspath(path)) as silent:
        (await trio.open_unix_socket(os.fspath(path))).socket.close()
        assert "ok" in json.loads(await exchange(path, b'{"do": "app_list"}\n'))
        await silent.send_all(b"{")


async def test_asking_works_from_a_thread(path: Path) -> None:
    assert await trio.to_thread.run_sync(ask, path.parent, {"do": "app_list"}) == {"apps": []}
    with pytest.raises(AdminError, match="there is no app"):
        await trio.to_thread.run_sync(ask, path.parent, {"do": "key_revoke", "app": "x", "kid": "1"})


def test_nobody_there_is_none(tmp_path: Path) -> None:
    assert ask(tmp_path, {"do": "app_list"}) is None


async def test_a_dead_servers_socket_is_replaced_and_the_own_one_goes_at_the_end(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    left = trio.socket.socket(trio.socket.AF_UNIX)
    await left.bind(os.fspath(tmp_path / "control.sock"))
    left.close()
    assert ask(tmp_path, {"do": "app_list"}) is None
    admin = make_admin()
    path = await nursery.start(serve_control, tmp_path, admin)
    assert await trio.to_thread.run_sync(ask, tmp_path, {"do": "app_list"}) is not None
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await trio.testing.wait_all_tasks_blocked()
    assert not path.exists()


def test_a_path_too_long_for_a_socket_gets_one_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    deep = tmp_path / ("x" * 100)
    found = socket_path(deep)
    assert len(os.fsencode(found)) <= PATH_BYTES_MAX
    assert found == socket_path(deep / "." / ".." / deep.name)
    assert found != socket_path(tmp_path / ("y" * 100))


async def test_a_folder_of_somebody_else_in_the_temporary_directory_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"imserver-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"imserver-{os.getuid()}").chmod(0o777)
    admin = make_admin()
    with pytest.raises(CannotServe, match=r"cannot make the control socket .*: .* belongs to somebody else"):
        await serve_control(tmp_path / ("x" * 100), admin)
