"""What the store asks of SQLite, and what SQLite asks of the disk."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

from imserver.sim.disks import Recorder
from imserver.sim.disks.connection import connector
from imserver.sim.disks.operations import Sync, Write
from imserver.sim.disks.vfs import RecordedVFS
from imserver.storage.schema import Connect


class Asked:
    """What the connections of a store were asked.

    `crossings` are calls into SQLite, `statements` those that it ran: a call for many rows runs one a row.
    """

    def __init__(self) -> None:
        self.crossings = 0
        self.statements = 0

    @property
    def connect(self) -> Connect:
        """To be given to a store instead of `sqlite3.connect`."""
        return partial(sqlite3.connect, factory=partial(_Counted, self))

    def ran(self, _: str) -> None:
        self.statements += 1


class _Counted(sqlite3.Connection):
    def __init__(self, asked: Asked, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._asked = asked
        self.set_trace_callback(asked.ran)

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        self._asked.crossings += 1
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        self._asked.crossings += 1
        return super().executemany(*arguments)


class Disk:
    """A recorded disk at an empty folder."""

    def __init__(self, root: Path) -> None:
        self._recorder = Recorder(root)
        self._vfs = RecordedVFS(self._recorder)
        self.connect = connector(self._vfs)

    @classmethod
    @contextmanager
    def at(cls, root: Path) -> Iterator[Self]:
        disk = cls(root)
        try:
            yield disk
        finally:
            disk._vfs.unregister()

    def forget(self) -> None:
        """Count from here on."""
        self._recorder.log.clear()

    @property
    def syncs(self) -> int:
        return sum(isinstance(operation, Sync) for operation in self._recorder.log)

    @property
    def written_bytes(self) -> int:
        return sum(len(operation.data) for operation in self._recorder.log if isinstance(operation, Write))
