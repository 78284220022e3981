"""CPU time and memory of a server's whole process tree, from /proc."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree of processes has used and holds.

    Attributes:
        cpu_s: user and system seconds so far, children that ended and were waited for included.
        memory_kib: proportional set size, shared pages divided; resident size where that is not told.
    """

    cpu_s: float
    memory_kib: float


def tree_of(pid: int) -> list[int]:
    """`pid` and all its descendants that live."""
    if (_PROC / str(pid) / "task" / str(pid) / "children").exists():
        found, look = [], [pid]
        while look:
            found.append(one := look.pop())
            with suppress(OSError):
                for file in (_PROC / str(one) / "task").glob("*/children"):
                    look += map(int, file.read_text().split())
        return found
    return _tree_by_parents(pid)


def _tree_by_parents(pid: int) -> list[int]:
    """The same where the kernel does not list children (CONFIG_PROC_CHILDREN): looks at all there are."""
    parents: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found, look = [], [pid]
    while look:
        found.append(one := look.pop())
        look += parents.get(one, [])
    return found


def usage_of(pid: int) -> Usage | None:
    """The usage of the tree under `pid`; None where it is not there, or there is no /proc."""
    if not (_PROC / str(pid)).exists():
        return None
    cpu_s = memory_kib = 0.0
    for one in tree_of(pid):
        with suppress(OSError, ValueError, IndexError):
            cpu_s += _cpu_s(one)
            memory_kib += _memory_kib(one)
    return Usage(cpu_s, memory_kib)


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third (state) on."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _cpu_s(pid: int) -> float:
    """Its own time to the nanosecond (/proc/PID/stat counts ticks of 10 ms), ended children's in ticks."""
    children_s = sum(map(int, _stat(pid)[13:15])) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(_clock_of(pid)) + children_s


def _clock_of(pid: int) -> int:
    """The id of a process's CPU clock, as clock_getcpuclockid(3) makes it on Linux (2: scheduled)."""
    return (~pid << 3) | 2


def _memory_kib(pid: int) -> float:
    try:
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return float(line.split()[1])
    except PermissionError:
        pass  # another user's process
    pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024
