"""The model of a disk with a volatile cache: what is durable after a prefix of a run, and what is not yet.

What it takes for granted is what SQLite does (sqlite.org/atomiccommit.html, section 2) and what journalling
file systems give: a successful sync keeps its data; bytes beside a written range stay as they are (power-safe
overwrite); a rename is atomic. It does not take for granted: order of writes between syncs, whole writes,
whole sectors, that a file's length goes with its bytes, that a name goes with its file.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from imserver.sim.disks.image import Image
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
from imserver.sim.disks.recorder import Recorder
from imserver.sim.disks.tear import Cut, torn

Names = dict[int, dict[str, int]]


class Durable:
    """Replays a log; `image` may be asked for at any point on the way.

    Args:
        rng: decides what becomes of writes whose sync failed.
        names, files: what was durable before the log begins.
        pending: what had been asked for before it and was not synced.
    """

    def __init__(
        self,
        rng: random.Random,
        names: Names | None = None,
        files: Mapping[int, bytes | bytearray] | None = None,
        pending: Iterable[Operation] = (),
    ) -> None:
        self._rng = rng
        self._names: Names = {node: dict(entries) for node, entries in (names or {ROOT: {}}).items()}
        self._files: dict[int, bytearray] = {node: bytearray(data) for node, data in (files or {}).items()}
        self._folders = {ROOT, *self._names}
        self._pending: list[Operation] = []
        self.play(pending)

    @property
    def unsynced(self) -> int:
        """Operations that a cut here may take."""
        return len(self._pending)

    def play(self, operations: Iterable[Operation]) -> None:
        """Let these operations happen."""
        for operation in operations:
            match operation:
                case Sync(node):
                    self._settle(node)
                case SyncFailed(node):
                    self._lose(node)
                case SyncFolder(node):
                    self._settle_names(node)
                case _:
                    if isinstance(operation, Link) and operation.is_folder:
                        self._folders.add(operation.node)
                    self._pending.append(operation)

    def hand_over(self, root: Path) -> Recorder:
        """The process was killed here, and another one goes on in `root`, which is empty.

        Everything that was written is there. What was not synced is no more durable than it was.
        """
        names: Names = {node: dict(entries) for node, entries in self._names.items()}
        files = {node: bytearray(data) for node, data in self._files.items()}
        for operation in self._pending:
            _apply(names, files, operation)
        _tree(names, files, self._folders).put(root)
        used = {*files, *names, *(node for entries in names.values() for node in entries.values())}
        recorder = Recorder(root, nodes=_nodes(names, root), first_new=max(used) + 1)
        recorder.names = {folder: dict(self._names.get(folder, {})) for folder in self._folders}
        recorder.files = {node: bytes(data) for node, data in self._files.items()}
        recorder.pending = list(self._pending)
        return recorder

    def image(self, rng: random.Random, cut: Cut) -> Image:
        """What is found after a power cut at this point. The replay can go on after it."""
        names: Names = {node: dict(entries) for node, entries in self._names.items()}
        files: dict[int, bytearray] = dict(self._files)
        own: set[int] = set()
        for operation, in_part in survivors(rng, self._pending, cut):
            kept = operation
            if isinstance(kept, Write | Truncate) and kept.node not in own:
                own.add(kept.node)
                files[kept.node] = bytearray(files.get(kept.node, b""))
            if in_part and isinstance(kept, Write):
                kept = _partly(rng, files[kept.node], kept, cut)
            _apply(names, files, kept)
        if cut.noise:
            self._grow(rng, files, own)
        return _tree(names, files, self._folders)

    def _settle(self, node: int) -> None:
        rest: list[Operation] = []
        for operation in self._pending:
            if isinstance(operation, Write | Truncate) and operation.node == node:
                _apply(self._names, self._files, operation)
            else:
                rest.append(operation)
        self._pending = rest

    def _lose(self, node: int) -> None:
        rest: list[Operation] = []
        for operation in self._pending:
            if not isinstance(operation, Write | Truncate) or operation.node != node:
                rest.append(operation)
            elif self._rng.random() < 0.5:
                _apply(self._names, self._files, operation)
        self._pending = rest

    def _settle_names(self, folder: int) -> None:
        rest: list[Operation] = []
        for operation in self._pending:
            match operation:
                case Link() | Unlink() if operation.folder == folder:
                    _apply(self._names, self._files, operation)
                case Rename() if operation.folder == folder:
                    _apply(self._names, self._files, operation)
                case Rename() if operation.to_folder == folder:
                    # The new name is durable; nobody synced the folder of the old one.
                    _apply(self._names, self._files, Link(folder, operation.to_name, operation.node))
                    rest.append(Unlink(operation.folder, operation.name))
                case _:
                    rest.append(operation)
        self._pending = rest

    def _grow(self, rng: random.Random, files: dict[int, bytearray], own: set[int]) -> None:
        """The file system noted a file's new length before its bytes."""
        for operation in self._pending:
            if isinstance(operation, Write) and rng.random() < 0.3:
                end = operation.offset + len(operation.data)
                file = files.get(operation.node, bytearray())
                if operation.node not in own:
                    own.add(operation.node)
                    file = files[operation.node] = bytearray(file)
                file.extend(rng.randbytes(max(0, end - len(file))))


def survivors(rng: random.Random, pending: Sequence[Operation], cut: Cut) -> Iterator[tuple[Operation, bool]]:
    """Those of the unsynced operations that reached the disk, and whether only in part."""
    if cut.ordered:
        count = rng.randrange(len(pending) + 1)
        yield from ((operation, False) for operation in pending[:count])
        yield from (
            (operation, True) for operation in pending[count : count + 1] if isinstance(operation, Write)
        )
        return
    for operation in pending:
        if rng.random() < cut.kept:
            yield operation, isinstance(operation, Write) and rng.random() < cut.torn


def _partly(rng: random.Random, file: bytes | bytearray, write: Write, cut: Cut) -> Write:
    """A write of which a part arrived."""
    end = write.offset + len(write.data)
    before = bytes(file[write.offset : end])
    data = torn(rng, before.ljust(len(write.data), b"\0"), write.data, noise=cut.noise)
    if end > len(file) and rng.random() < 0.5:
        # The file grew by a part of it only.
        data = data[: rng.randint(len(before), len(data))]
    return Write(write.node, write.offset, data)


def _apply(names: Names, files: dict[int, bytearray], operation: Operation) -> None:
    match operation:
        case Write(node, offset, data):
            file = files.setdefault(node, bytearray())
            if offset > len(file):
                file.extend(bytes(offset - len(file)))
            file[offset : offset + len(data)] = data
        case Truncate(node, size):
            file = files.setdefault(node, bytearray())
            del file[size:]
            file.extend(bytes(size - len(file)))
        case Link(folder, name, node):
            names.setdefault(folder, {})[name] = node
        case Unlink(folder, name):
            names.setdefault(folder, {}).pop(name, None)
        case Rename(folder, name, to_folder, to_name, node):
            names.setdefault(folder, {}).pop(name, None)
            names.setdefault(to_folder, {})[to_name] = node
        case Sync() | SyncFailed() | SyncFolder():
            raise AssertionError("a sync is no change")


def _nodes(names: Names, root: Path) -> dict[Path, int]:
    """Which node each path stands for."""
    nodes = {root: ROOT}
    waiting = [(root, ROOT)]
    while waiting:
        path, folder = waiting.pop()
        for name, node in names.get(folder, {}).items():
            nodes[path / name] = node
            waiting.append((path / name, node))
    return nodes


def _tree(names: Names, files: dict[int, bytearray], made: AbstractSet[int]) -> Image:
    """What can be reached from the root. A name whose bytes never came is an empty file."""
    image = Image()
    waiting = [("", ROOT)]
    while waiting:
        prefix, folder = waiting.pop()
        for name, node in names.get(folder, {}).items():
            if node in made:
                image.folders.append(prefix + name)
                waiting.append((f"{prefix}{name}/", node))
            else:
                image.files[prefix + name] = bytes(files.get(node, b""))
    return image
