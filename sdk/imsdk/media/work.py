"""Blocking file work, in a thread or at once."""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import trio

_P = ParamSpec("_P")
_T = TypeVar("_T")

_CHUNK_BYTES: Final = 256 * 1024


class Worker:
    """Runs blocking functions.

    Args:
        inline: at once instead of in a thread, because a thread's work does not hold back a virtual clock.
    """

    def __init__(self, *, inline: bool = False) -> None:
        self._inline = inline

    async def run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The result of `work(*args, **kwargs)`. A cancellation waits for a thread's end."""
        if self._inline:
            await trio.lowlevel.checkpoint()
            return work(*args, **kwargs)
        return await trio.to_thread.run_sync(partial(work, *args, **kwargs))


def hash_file(path: Path) -> bytes:
    """The SHA-256 of a file's bytes."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()


def read_at(path: Path, offset: int, count: int) -> bytes:
    """Up to `count` bytes of a file from `offset` on."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(count)
