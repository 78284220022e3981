"""What a program asks of a disk. Files and folders are nodes with numbers, as inodes are; 0 is the root.

Names and contents become durable apart from each other, as POSIX has it: `Sync` makes a file's bytes and
length durable, `SyncFolder` the names in a folder.
"""

from dataclasses import dataclass
from typing import Final

ROOT: Final = 0


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at an offset of a file, which grows if need be."""

    node: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file gets this size; what was longer is gone, what was shorter gets zeros."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Everything asked of this file so far is durable once this returned."""

    node: int


@dataclass(frozen=True, slots=True)
class SyncFailed:
    """An fsync that raised: each write before it is durable or lost, and no later `Sync` covers it.

    The kernel marks the pages clean (PostgreSQL's "fsyncgate", 2018).
    """

    node: int


@dataclass(frozen=True, slots=True)
class Link:
    """A name in a folder for a new or known node; it replaces a file of that name."""

    folder: int
    name: str
    node: int
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class Unlink:
    """The name goes, whatever it stood for."""

    folder: int
    name: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Both names change at once: file systems with a journal promise that."""

    folder: int
    name: str
    to_folder: int
    to_name: str
    node: int


@dataclass(frozen=True, slots=True)
class SyncFolder:
    """The names asked for in this folder so far are durable once this returned."""

    node: int


Operation = Write | Truncate | Sync | SyncFailed | Link | Unlink | Rename | SyncFolder
