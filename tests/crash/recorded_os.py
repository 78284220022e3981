"""The system calls of `os` on a recorded disk: for code that writes files by itself.

They are replaced in the module for the length of a block, so that no call can pass by unseen; calls outside
of the recorder's root are let through.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from imserver.sim.disks import Recorder


@contextmanager
def recorded_os(recorder: Recorder) -> Iterator[None]:
    """Note what this thread does below the recorder's root by descriptors and names."""
    calls = _Calls(recorder)
    with ExitStack() as stack:
        for name in ("open", "write", "pwrite", "fsync", "ftruncate", "mkdir", "rmdir", "unlink", "rename"):
            stack.enter_context(patch.object(os, name, getattr(calls, name)))
        stack.enter_context(patch.object(os, "remove", calls.unlink))
        stack.enter_context(patch.object(os, "replace", calls.rename))
        yield


class _Calls:
    """The replacements, each with the real one's arguments."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._real = {
            name: getattr(os, name)
            for name in ("open", "pwrite", "fsync", "ftruncate", "mkdir", "rmdir", "unlink", "rename")
        }

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        where = self._path(path, dir_fd)
        fd: int = self._real["open"](path, flags, mode, dir_fd=dir_fd)
        if where is not None and flags & (os.O_WRONLY | os.O_RDWR):
            node = self._recorder.node(where)
            if node is None:
                self._recorder.create(where)
            elif flags & os.O_TRUNC:
                self._recorder.truncate(node, 0)
        return fd

    def write(self, fd: int, data: bytes) -> int:
        raise AssertionError("nothing here writes without saying where")

    def pwrite(self, fd: int, data: Any, offset: int) -> int:
        done: int = self._real["pwrite"](fd, data, offset)
        node = self._node(fd)
        if node is not None:
            self._recorder.write(node, offset, bytes(data[:done]))
        return done

    def fsync(self, fd: int) -> None:
        self._real["fsync"](fd)
        path = self._path_of(fd)
        node = self._recorder.node(path)
        if node is not None and path.is_dir():
            self._recorder.sync_folder(path)
        elif node is not None:
            self._recorder.sync(node)

    def ftruncate(self, fd: int, size: int) -> None:
        self._real["ftruncate"](fd, size)
        node = self._node(fd)
        if node is not None:
            self._recorder.truncate(node, size)

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        self._real["mkdir"](path, mode, dir_fd=dir_fd)
        where = self._path(path, dir_fd)
        if where is not None:
            self._recorder.create(where, is_folder=True)

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        where = self._path(path, dir_fd)
        self._real["rmdir"](path, dir_fd=dir_fd)
        if where is not None:
            self._recorder.delete(where)

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        where = self._path(path, dir_fd)
        self._real["unlink"](path, dir_fd=dir_fd)
        if where is not None:
            self._recorder.delete(where)

    def rename(self, source: Any, target: Any) -> None:
        self._real["rename"](source, target)
        old, new = self._path(source, None), self._path(target, None)
        if old is not None and new is not None:
            self._recorder.rename(old, new)

    # Which file -------------------------------------------------------------------------------------------

    def _node(self, fd: int) -> int | None:
        return self._recorder.node(self._path_of(fd))

    @staticmethod
    def _path_of(fd: int) -> Path:
        return Path(f"/proc/self/fd/{fd}").readlink()

    def _path(self, path: Any, dir_fd: int | None) -> Path | None:
        whole = Path(os.fspath(path))
        if dir_fd is not None:
            whole = self._path_of(dir_fd) / whole
        root = self._recorder.root
        return whole if root == whole or root in whole.parents else None
