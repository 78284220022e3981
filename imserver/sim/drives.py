"""What a machine keeps its database on: memory, or SQLite's files on a recorded disk whose power may go.

The second is real down to the bytes of each write, and slower; it needs apsw, which comes with the
development tools. Without it no power is cut.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import TYPE_CHECKING, Final, Protocol

from imserver.sim.disks import Cut, Durable, Image, Recorder, draw_cut
from imserver.sim.disks.tear import KILLED

if TYPE_CHECKING:
    from imserver.sim.disks.vfs import RecordedVFS

Connect = Callable[..., sqlite3.Connection]
#: Opens the database of a folder as the product does, by what stands in for `sqlite3.connect`.
Open = Callable[[Path, Connect], sqlite3.Connection]

POWER_CAN_GO: Final = find_spec("apsw") is not None
#: Operations after which what is durable of them is worked out, so that the log stays short.
OPERATIONS_KEPT: Final = 500


class Drive(Protocol):
    """One database that outlives its processes."""

    database: sqlite3.Connection

    def settle(self) -> None:
        """Called after each transaction."""

    def crash(self, *, power: bool) -> None:
        """The process dies, or the power goes; `database` is then what recovers of it."""

    def save(self) -> object:
        """A copy of it, for `load`."""

    def load(self, copy: object) -> None:
        """Put a copy back."""

    def put(self, folder: Path, name: str) -> None:
        """Make it real files in `folder`, under its own name (in memory it has none: `name`)."""

    def close(self) -> None:
        """Let go of it."""


class RamDrive:
    """A database in memory: what was committed stays."""

    def __init__(self, migrate: Callable[[sqlite3.Connection], None]) -> None:
        self.database = _memory()
        migrate(self.database)

    def settle(self) -> None:
        """See `Drive`."""

    def crash(self, *, power: bool) -> None:
        """See `Drive`."""
        if self.database.in_transaction:
            self.database.rollback()

    def save(self) -> object:
        """See `Drive`."""
        copy = _memory()
        self.database.backup(copy)
        return copy

    def load(self, copy: object) -> None:
        """See `Drive`."""
        assert isinstance(copy, sqlite3.Connection)
        self.database.close()
        self.database = _memory()
        copy.backup(self.database)

    def put(self, folder: Path, name: str) -> None:
        """See `Drive`."""
        with closing(sqlite3.connect(folder / name)) as copy:
            self.database.backup(copy)

    def close(self) -> None:
        """See `Drive`."""
        self.database.close()


def _memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


class RecordedDrive:
    """A database in a folder, each write of which is known.

    Args:
        root: where its folders are made, one for each life of the machine.
        opens: recovers the database and opens it.
        rng: what a cut leaves.
    """

    def __init__(self, root: Path, opens: Open, rng: Random) -> None:
        self._root = root
        self._opens = opens
        self._rng = rng
        self._lives = 0
        self._vfs: RecordedVFS | None = None
        self.database = self._begin(Image())

    def settle(self) -> None:
        """See `Drive`."""
        if len(self._recorder.log) > OPERATIONS_KEPT:
            self._play()

    def crash(self, *, power: bool) -> None:
        """See `Drive`."""
        self.load(self._image(draw_cut(self._rng) if power else KILLED))

    def save(self) -> object:
        """See `Drive`."""
        return self._image(KILLED)

    def load(self, copy: object) -> None:
        """See `Drive`."""
        assert isinstance(copy, Image)
        self.close()
        self.database = self._begin(copy)

    def put(self, folder: Path, name: str) -> None:
        """See `Drive`."""
        self._image(KILLED).put(folder)

    def close(self) -> None:
        """See `Drive`."""
        with suppress(sqlite3.Error):
            self.database.close()
        if self._vfs is not None:
            self._vfs.unregister()
            self._vfs = None
        rmtree(self._folder)

    def _play(self) -> None:
        self._durable.play(self._recorder.log)
        self._recorder.log.clear()

    def _image(self, cut: Cut) -> Image:
        self._play()
        return self._durable.image(self._rng, cut)

    def _begin(self, image: Image) -> sqlite3.Connection:
        from imserver.sim.disks.connection import connector
        from imserver.sim.disks.vfs import RecordedVFS

        self._lives += 1
        self._folder = self._root / str(self._lives)
        self._folder.mkdir(parents=True)
        image.put(self._folder)
        self._recorder = Recorder(self._folder)
        self._durable = Durable(self._rng, self._recorder.names, self._recorder.files)
        self._vfs = RecordedVFS(self._recorder)
        return self._opens(self._folder, connector(self._vfs))
