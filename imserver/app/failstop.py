"""The end when nothing more may be acknowledged (G7)."""

import os
import sys
from typing import Final, Protocol

import structlog

from imserver.media import MediaBroken
from imserver.storage.store import StoreBroken

#: sysexits.h, EX_SOFTWARE: tells a supervisor from a bad start (1, 2) and an orderly end (0).
EXIT_FAILED: Final = 70

log = structlog.get_logger()


class FailStop(Protocol):
    """Ends the process for an error of a part; what it returns is never used by a process that lives."""

    def __call__(self, error: BaseException, *, part: str) -> None: ...


def fail_stop(error: BaseException, *, part: str) -> None:
    """Say it in one line and end at once, with exit code 70.

    No clean-up on purpose: closing would write to a disk that has just failed, and could hang beyond the
    second that the contract gives. What is durable is whole by construction.
    """
    cause = root_cause(error)
    try:
        log.error("failed", part=part, exc_info=cause, do=_advice(cause))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(EXIT_FAILED)


def _advice(cause: BaseException) -> str:
    if isinstance(cause, StoreBroken | MediaBroken | OSError):
        return "look at the disk, run imserver verify, then start again"
    return "a fault of this program: report this line; nothing acknowledged is lost, start again"


def root_cause(error: BaseException) -> BaseException:
    """The first real error within nested groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
