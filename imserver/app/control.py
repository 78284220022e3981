"""The control socket: administration of a running server, whose lock keeps everybody else out of its store.

A Unix socket in the data directory, for the server's own user only. One JSON line asks, one JSON line
answers, then the connection ends: `{"do": "app_list"}` → `{"ok": {…}}` or `{"error": "…"}`.
"""

import hashlib
import json
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any, Final

import structlog
import trio

from imserver.app.admin import Admin, Fields
from imserver.app.errors import AdminError, CannotServe

SOCKET_NAME: Final = "control.sock"
#: sun_path holds 108 bytes on Linux and 104 on macOS and the BSDs, the final zero included.
PATH_BYTES_MAX: Final = 100
_LINE_BYTES_MAX: Final = 64 * 1024
_REQUEST_S_MAX: Final = 5.0
_ANSWER_S_MAX: Final = 30.0
_CONNECTIONS_MAX: Final = 16
_MALFORMED: Final = "the request has not the right form"

log = structlog.get_logger()


def socket_path(data_dir: Path) -> Path:
    """Where the control socket of a data directory is.

    In it, or, when that path is too long for a socket, in a folder of the user's in the system's temporary
    directory.
    """
    data_dir = data_dir.resolve()
    path = data_dir / SOCKET_NAME
    if len(os.fsencode(path)) <= PATH_BYTES_MAX:
        return path
    mark = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"imserver-{os.getuid()}" / f"{mark}.sock"


async def serve_control(
    data_dir: Path, admin: Admin, *, task_status: trio.TaskStatus[Path] = trio.TASK_STATUS_IGNORED
) -> None:
    """Answer until cancelled. The data directory's lock is held, so what is at the path is a dead server's.

    Raises:
        CannotServe: the socket cannot be made.
    """
    path = socket_path(data_dir)
    try:
        listener = _listen(path)
    except OSError as error:
        raise CannotServe(f"cannot make the control socket {path}: {error.strerror}") from None
    busy = trio.CapacityLimiter(_CONNECTIONS_MAX)

    async def answer(stream: trio.SocketStream) -> None:
        async with busy:
            await _answer(stream, admin)

    async with listener:
        try:
            task_status.started(path)
            # It outlives the moments in which the process has no file descriptor left.
            await trio.serve_listeners(answer, [listener])
        finally:
            path.unlink(missing_ok=True)


def _listen(path: Path) -> trio.SocketListener:
    if path.name != SOCKET_NAME:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        found = path.parent.lstat()
        # The temporary directory is everybody's: somebody else may have made the folder first.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(1, f"{path.parent} belongs to somebody else")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Only the umask makes it private from its first moment on.
        before = os.umask(0o177)
        try:
            listener.bind(os.fspath(path))
        finally:
            os.umask(before)
        listener.listen(_CONNECTIONS_MAX)
        return trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    except BaseException:
        listener.close()
        raise


async def _answer(stream: trio.SocketStream, admin: Admin) -> None:
    try:
        async with stream:
            line = b""
            with trio.move_on_after(_REQUEST_S_MAX):
                while not line.endswith(b"\n") and len(line) < _LINE_BYTES_MAX:
                    more = await stream.receive_some(4096)
                    if not more:
                        return
                    line += more
            # Not under the time limit: what was begun is carried out.
            answer = json.dumps(await _carry_out(line, admin)).encode() + b"\n"
            with trio.move_on_after(_REQUEST_S_MAX):
                await stream.send_all(answer)
    except trio.BrokenResourceError:
        pass  # the asker has gone


async def _carry_out(line: bytes, admin: Admin) -> Fields:
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise TypeError
        app = request.get("app") or request.get("name")
        entry = log.bind(do=request.get("do"), app=app, user=request.get("user"))
    except (ValueError, TypeError, RecursionError):
        return {"error": _MALFORMED}
    try:
        done = await admin.handle(request)
    except AdminError as error:
        entry.warning("administration_refused", reason=str(error))
        return {"error": str(error)}
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        entry.warning("administration_refused", reason=_MALFORMED)
        return {"error": _MALFORMED}
    entry.info("administration")
    return {"ok": done}


def ask(data_dir: Path, request: Fields) -> Fields | None:
    """Ask the running server; None when none is running. Blocks.

    Raises:
        AdminError: it refused, or answers in no time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(_ANSWER_S_MAX)
        try:
            peer.connect(os.fspath(socket_path(data_dir)))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise AdminError(f"cannot reach the running server: {error.strerror or error}") from None
        try:
            peer.sendall(json.dumps(request).encode() + b"\n")
            with peer.makefile("rb") as file:
                line = file.readline(16 * _LINE_BYTES_MAX)
            answer: Any = json.loads(line)
        except (OSError, ValueError):
            raise AdminError("the running server did not answer; look at its log") from None
    if "error" in answer:
        raise AdminError(answer["error"])
    result: Fields = answer["ok"]
    return result
