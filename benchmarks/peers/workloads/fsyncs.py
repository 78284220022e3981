"""How often the disk is asked to keep what was acknowledged: counted by strace in the whole process tree."""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.peers.stage import Stage, deliver, posts
from imload.processes import tree_of

PAIRS = 100
#: Pairs that talk, unacknowledged messages of each, messages in all.
LOADS = {"16": (PAIRS, 16, 10_000), "1": (PAIRS, 1, 3_000), "alone": (1, 1, 100)}
_CALLS = "fsync,fdatasync,msync,sync_file_range,syncfs,sync"
_ATTACH_S_MAX = 20.0


def measure(stage: Stage) -> dict[str, float]:
    """Calls per acknowledged message: of 100 pairs with 16 and with 1 unacknowledged, of one pair alone."""
    if shutil.which("strace") is None:
        raise RuntimeError("no strace on this machine")
    senders, receivers = stage.devices("s", PAIRS, sends=True), stage.devices("r", PAIRS)
    stage.connect(senders + receivers)
    stage.server.settle()
    figures: dict[str, float] = {}
    first = 0
    for key, (talking, window, usual) in LOADS.items():
        each = max(2, stage.count(usual) // talking)
        pairs = list(zip(senders, receivers, strict=True))[:talking]
        plan = {sender: posts(sender, [receiver], each, first) for sender, receiver in pairs}
        first += each
        counted = _Strace(stage.server.process.pid, stage.folder / f"strace-{key}")
        deliver(stage, plan, window, receivers[:talking])
        figures[f"fsyncs_{key}"] = counted.end() / (each * talking)
    return figures


class _Strace:
    """Counts the calls of a process tree from its construction to `end`."""

    def __init__(self, root: int, output: Path) -> None:
        self._output = output
        pids = [argument for pid in tree_of(root) for argument in ("-p", str(pid))]
        command = ["strace", "-f", "-c", "-e", f"trace={_CALLS}", "-o", str(output), *pids]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + _ATTACH_S_MAX
        while not self._attached(root):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("strace cannot attach to the server")
            time.sleep(0.05)

    def _attached(self, root: int) -> bool:
        tasks = [task for pid in tree_of(root) for task in Path(f"/proc/{pid}/task").iterdir()]
        return all(f"TracerPid:\t{self._process.pid}\n" in (task / "status").read_text() for task in tasks)

    def end(self) -> int:
        """Detach; the number of calls."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=30)
        # Lines of `% time, seconds, usecs/call, calls, [errors,] syscall`; none when nothing was called.
        lines = re.findall(
            r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*sync", self._output.read_text(), re.MULTILINE
        )
        return sum(map(int, lines))
