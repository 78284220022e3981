"""SQLite on a recorded disk: an apsw VFS above the system's own.

Reads, locks and the shared index of a WAL are the real ones, on real files below the recorder's root. Writes
go there too, and into the log. What os_unix.c does about folders is followed: the folder of a new journal or
WAL is synced at that file's first sync, and a deletion syncs it when SQLite asks for that.
"""

from itertools import count
from pathlib import Path
from typing import Final

import apsw

from imserver.sim.disks.recorder import Fault, Recorder

_JOURNALS: Final = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
_numbers = count(1)


class RecordedVFS(apsw.VFS):
    """Give `name` to `apsw.Connection(path, vfs=...)`; `unregister` when all connections are closed."""

    def __init__(self, recorder: Recorder) -> None:
        self.name = f"recorded-{next(_numbers)}"
        self.recorder = recorder
        super().__init__(self.name, "")

    def xOpen(  # noqa: N802 - apsw's names
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        if filename is None:
            return apsw.VFSFile("", filename, flags)
        path = Path(filename)
        check(self.recorder, "open", path)
        is_new = self.recorder.node(path) is None
        file = RecordedFile(self.recorder, path, name, flags)
        if is_new:
            self.recorder.create(path)
        return file.named(new_journal=is_new and bool(flags[0] & _JOURNALS))

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - apsw's signature
        path = Path(filename)
        check(self.recorder, "delete", path)
        super().xDelete(filename, syncdir)
        self.recorder.delete(path)
        if syncdir:
            self.recorder.sync_folder(path.parent)


class RecordedFile(apsw.VFSFile):
    """A database, journal or WAL."""

    def __init__(
        self, recorder: Recorder, path: Path, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        self._recorder = recorder
        self._path = path
        self._node = 0
        self._new_journal = False

    def named(self, *, new_journal: bool) -> "RecordedFile":
        """Now that the file is known to the recorder."""
        node = self._recorder.node(self._path)
        assert node is not None
        self._node = node
        self._new_journal = new_journal
        return self

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        fault = check(self._recorder, "read", self._path)
        data = super().xRead(amount, offset)
        if fault is Fault.FLIP and data:
            flipped = bytearray(data)
            flipped[len(data) // 2] ^= 0x10
            return bytes(flipped)
        return data

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        check(self._recorder, "write", self._path)
        kept = bytes(data)
        super().xWrite(kept, offset)
        self._recorder.write(self._node, offset, kept)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        check(self._recorder, "truncate", self._path)
        super().xTruncate(newsize)
        self._recorder.truncate(self._node, newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        try:
            fault = check(self._recorder, "sync", self._path)
        except (apsw.FullError, apsw.IOError):
            self._recorder.sync(self._node, failed=True)
            raise
        super().xSync(flags)
        if fault is Fault.LIE:
            return
        self._recorder.sync(self._node)
        if self._new_journal:
            self._new_journal = False
            self._recorder.sync_folder(self._path.parent)


_IO_ERRORS: Final = {
    "open": apsw.SQLITE_CANTOPEN,
    "read": apsw.SQLITE_IOERR_READ,
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "delete": apsw.SQLITE_IOERR_DELETE,
}


def check(recorder: Recorder, call: str, path: Path) -> Fault | None:
    """Raise what the plan says, with the file as `path`, or return the fault that is not an error."""
    fault = recorder.faults(call, path)
    if fault in {Fault.NO_ROOM, Fault.IO_ERROR}:
        error = apsw.exception_for(apsw.SQLITE_FULL if fault is Fault.NO_ROOM else _IO_ERRORS[call])
        error.path = path  # type: ignore[attr-defined]
        raise error
    return fault
