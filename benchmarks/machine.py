"""Where a figure comes from: the machine and the build of the server; CPU of a process to the nanosecond."""

import time

from imload.machine import Machine
from imserver.version import COMPILED, VERSION


def place() -> str:
    """The machine and the server's build, in a line."""
    return f"{Machine.here()}, imserver {VERSION} {'compiled' if COMPILED else 'not compiled'}"


def process_cpu_s(pid: int) -> float:
    """CPU seconds of one process so far, all its threads; /proc tells them in hundredths only.

    The number of a process's CPU clock on Linux is what clock_getcpuclockid(3) gives.
    """
    return time.clock_gettime(~pid << 3 | 2)
