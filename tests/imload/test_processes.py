"""Usage is that of a whole tree of processes, found either way."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from imload.processes import _tree_by_parents, tree_of, usage_of

#: A shell's worth of tree: a process that has one of its own, which waits for our end of its pipe to close.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.read()
child.stdin.close()
child.wait()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", PARENT], text=True, **pipes) as parent:  # type: ignore[call-overload]
        yield parent.pid, int(parent.stdout.readline())
        parent.stdin.close()


def test_tree_holds_children_and_their_usage_is_summed(family: tuple[int, int]) -> None:
    parent, child = family
    assert sorted(tree_of(parent)) == sorted(_tree_by_parents(parent)) == sorted(family)
    both, alone = usage_of(parent), usage_of(child)
    assert both is not None
    assert alone is not None
    assert both.memory_kib > 1.2 * alone.memory_kib > 1000


def test_process_that_is_not_there_has_no_usage() -> None:
    assert usage_of(2**22 + 1) is None


def test_own_cpu_time_is_the_kernels() -> None:
    usage, times = usage_of(os.getpid()), os.times()
    assert usage is not None
    assert usage.cpu_s >= times.user + times.system - 0.1
