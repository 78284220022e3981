"""The log of a run on a simulated disk, and the faults it is to meet.

Files are real ones below `root` (put it on a RAM disk); beside them everything that changes them is noted, so
that `Durable` can say what a power cut at any point would leave.
"""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

from imserver.sim.disks.operations import (
    ROOT,
    Link,
    Operation,
    Rename,
    Sync,
    SyncFailed,
    SyncFolder,
    Truncate,
    Unlink,
    Write,
)


class Fault(StrEnum):
    """What goes wrong with one call."""

    NO_ROOM = "no room"
    IO_ERROR = "I/O error"
    LIE = "a sync that reports success and does nothing"
    FLIP = "a read with one bit changed"


#: Asked before each call with its name ("write", "sync", "read", "truncate", "delete", "open") and the path.
FaultPlan = Callable[[str, Path], Fault | None]


def no_faults(_call: str, _path: Path) -> Fault | None:
    """A good day."""
    return None


class Recorder:
    """Notes what happens below `root`.

    Its present content counts as durable, unless `Durable.hand_over` has made it: then `nodes` says which
    node each path is, `first_new` the number of the next one, and `pending` what was not synced.
    """

    def __init__(
        self,
        root: Path,
        *,
        faults: FaultPlan = no_faults,
        nodes: dict[Path, int] | None = None,
        first_new: int = ROOT + 1,
    ) -> None:
        self.root: Final = root
        self.faults = faults
        self.log: list[Operation] = []
        self.pending: list[Operation] = []
        self._nodes: dict[Path, int] = nodes or {root: ROOT}
        self._next = first_new
        self.names: dict[int, dict[str, int]] = {ROOT: {}}
        self.files: dict[int, bytes] = {}
        if nodes is not None:
            return
        for path in sorted(root.rglob("*")):
            node = self._new(path)
            self.names[self._nodes[path.parent]][path.name] = node
            if path.is_dir():
                self.names[node] = {}
            else:
                self.files[node] = path.read_bytes()

    @property
    def position(self) -> int:
        """The number of operations so far: what is noted of a promise at the moment it is made."""
        return len(self.log)

    def node(self, path: Path) -> int | None:
        """The node a path stands for at this moment."""
        return self._nodes.get(path)

    def create(self, path: Path, *, is_folder: bool = False) -> int:
        """A new file or folder."""
        node = self._new(path)
        self.log.append(Link(self._nodes[path.parent], path.name, node, is_folder))
        return node

    def write(self, node: int, offset: int, data: bytes) -> None:
        self.log.append(Write(node, offset, data))

    def truncate(self, node: int, size: int) -> None:
        self.log.append(Truncate(node, size))

    def sync(self, node: int, *, failed: bool = False) -> None:
        self.log.append(SyncFailed(node) if failed else Sync(node))

    def sync_folder(self, path: Path) -> None:
        self.log.append(SyncFolder(self._nodes[path]))

    def delete(self, path: Path) -> None:
        """A file or an empty folder."""
        self.log.append(Unlink(self._nodes[path.parent], path.name))
        self._nodes.pop(path, None)

    def rename(self, path: Path, to: Path) -> None:
        """A file or a folder with all that is in it."""
        node = self._nodes[path]
        self.log.append(Rename(self._nodes[path.parent], path.name, self._nodes[to.parent], to.name, node))
        moved = [old for old in self._nodes if old == path or path in old.parents]
        for old in moved:
            self._nodes[to / old.relative_to(path)] = self._nodes.pop(old)

    def _new(self, path: Path) -> int:
        node = self._nodes[path] = self._next
        self._next += 1
        return node
