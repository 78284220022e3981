"""`serve`: the process around a `Server`: event loop, signals, limits of the system."""

import gc
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import structlog
import trio
import trio_asyncio

from imserver.app.backends import open_backends
from imserver.app.bound import Bound
from imserver.app.failstop import FailStop, fail_stop, root_cause
from imserver.app.ready_file import no_ready_file_outside, write_ready_file
from imserver.app.server import Server
from imserver.config import Config
from imserver.version import SQLITE_VERSION, VERSION

#: The C library gives the GIL back per SQLite step, and each reacquire can wait a whole interval (5 ms by
#: default).
_SWITCH_INTERVAL_S: Final = 0.0005
#: A message makes some forty short-lived objects that no cycle holds: with Python's defaults (700, 10, 10)
#: the collector walks every session in memory many times a second, a fifth of the CPU of a relayed message
#: (43 -> 35 us, `python -m benchmarks relay`). Cycles are few (a connection and its session) and small.
_GC_THRESHOLDS: Final = (100_000, 50, 100)
_FILES_WANTED: Final = 1_048_576

log = structlog.get_logger()


def serve_forever(
    config: Config, *, started: Callable[[Bound], None], ready_file: Path | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; then drain and return. A second signal ends the process at once.

    Logs must be configured. Ends the process with code 70 when the store or the disk fails (G7).

    Args:
        config: the settings.
        started: called once every listener accepts.
        ready_file: gets the real addresses as JSON by then, and goes with an orderly end.

    Raises:
        CannotServe, FolderError: it cannot start; the text says why.
        OSError: the data directory cannot be written.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.set_threshold(*_GC_THRESHOLDS)
    _raise_file_limit()
    os.umask(0o077)  # the database holds keys; the data directory may have been made by somebody less strict
    ready_file = ready_file and ready_file.absolute()

    def on_started(bound: Bound) -> None:
        if ready_file is not None:
            write_ready_file(ready_file, bound)
        started(bound)

    try:
        trio.run(_main, config, on_started, ready_file, fail_stop)
    except BaseExceptionGroup as group:
        raise root_cause(group) from None


async def _main(
    config: Config, started: Callable[[Bound], None], ready_file: Path | None, fail: FailStop
) -> None:
    # The signals are taken before anything is opened, so that none of them ends the process half-way.
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        # Outermost: the store's connections live in this loop (trio-asyncio).
        async with trio_asyncio.open_loop(), open_backends(config.data_dir) as backends:
            # Within the lock of the data directory: before, the file may be that of the server that has it.
            with no_ready_file_outside(ready_file):
                server = Server(config, backends, fail=fail)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_stop_on_signals, signals, server)

                    async def run(*, task_status: trio.TaskStatus[Bound]) -> None:
                        await server.run(task_status=task_status)
                        nursery.cancel_scope.cancel()

                    bound = await nursery.start(run)
                    started(bound)
                    log.info(
                        "serving",
                        version=VERSION,
                        sqlite=SQLITE_VERSION,
                        listen=list(bound.listen),
                        http=bound.http,
                        data_dir=str(bound.data_dir),
                    )
    log.info("stopped")


async def _stop_on_signals(signals: AsyncIterator[int], server: Server) -> None:
    asked = False
    async for number in signals:
        name = signal.Signals(number).name
        if asked:
            # Everything acknowledged is durable, so there is nothing that an immediate end could lose.
            log.warning("stopped_at_once", signal=name)
            os._exit(128 + number)
        log.info("stopping", signal=name)
        asked = True
        server.stop()


def _raise_file_limit() -> None:
    """Allow as many connections as the system lets us: the soft limit is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, _FILES_WANTED)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        log.warning("file_limit", files_max=soft, error=str(error))
