"""The watchdog: ends a world in which something computes for ever, where no clock of the world can tell."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from imserver.sim.deterministic import Standstill


@contextmanager
def watchdog(cpu_s_max: float) -> Iterator[None]:
    """Raise `Standstill` where the block computes, once it has used so much CPU time of this process.

    Works in a main thread, and where there is such a timer; elsewhere the block runs unwatched.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def bark(_: int, frame: FrameType | None) -> None:
        where = "nowhere" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
        raise Standstill(f"it computes for more than {cpu_s_max:.0f} s, in {where}")

    before = signal.signal(signal.SIGVTALRM, bark)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s_max)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
