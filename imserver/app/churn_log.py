"""The churn log: when connections came and went, for load tests that replay it. Anonymous by construction.

A line each, JSON: `{"ms": 1234, "who": 7, "what": "resumed", "missed": 3}`. `ms` counts from the start of the
log, `who` numbers devices in the order they were first seen; neither names, addresses, contents nor the time
of day are in it.
"""

import json
from pathlib import Path
from typing import Final

import structlog
import trio

from imserver.app.errors import CannotServe
from imserver.version import VERSION

#: A log stops growing there, at some ten million lines.
LOG_BYTES_MAX: Final = 512 * 1024 * 1024
#: Devices beyond are not recorded.
DEVICES_MAX: Final = 1_000_000
#: What a killed server loses of it.
_FLUSH_S: Final = 1.0

log = structlog.get_logger()


class ChurnLog:
    """Writes a churn log. A disk that does not take it ends the recording, never the server.

    Args:
        path: a new file each time, as its moments count from the start; an older one is replaced.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="ascii")
        self._numbers: dict[int, int] = {}
        self._began_s = trio.current_time()
        self._bytes = 0
        self._stopped = False
        self._write({"ms": 0, "what": "log", "version": VERSION})

    def connected(self, device: int, missed: int) -> None:
        """See `imserver.core.ChurnWatcher`."""
        self._note(device, {"what": "connected", "missed": missed})

    def resumed(self, device: int, missed: int) -> None:
        """See `imserver.core.ChurnWatcher`."""
        self._note(device, {"what": "resumed", "missed": missed})

    def dropped(self, device: int, cause: str) -> None:
        """See `imserver.core.ChurnWatcher`."""
        self._note(device, {"what": "dropped", "cause": cause})

    def _note(self, device: int, what: dict[str, str | int]) -> None:
        number = self._numbers.get(device)
        if number is None:
            if len(self._numbers) == DEVICES_MAX:
                return
            number = self._numbers[device] = len(self._numbers)
        ms = round((trio.current_time() - self._began_s) * 1000)
        self._write({"ms": ms, "who": number, **what})

    def _write(self, line: dict[str, str | int]) -> None:
        if self._stopped:
            return
        text = json.dumps(line, separators=(",", ":")) + "\n"
        if self._bytes + len(text) > LOG_BYTES_MAX:
            self._stop("the churn log is full")
            return
        try:
            self._file.write(text)
        except OSError as error:
            self._stop(error.strerror or str(error))
        self._bytes += len(text)

    def _stop(self, reason: str) -> None:
        self._stopped = True
        log.warning("churn_log_stopped", reason=reason)

    async def run(self) -> None:
        """Hand what was written to the system every second, until cancelled."""
        while not self._stopped:
            await trio.sleep(_FLUSH_S)
            self._flush()

    def _flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            self._stop(error.strerror or str(error))

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        try:
            self._file.close()
        except OSError as error:
            self._stop(error.strerror or str(error))


def open_churn_log(path: Path | None) -> ChurnLog | None:
    """The churn log of the configuration, if it names one.

    Raises:
        CannotServe: the file cannot be made.
    """
    if path is None:
        return None
    try:
        return ChurnLog(path)
    except OSError as error:
        raise CannotServe(f"cannot write churn_log {path}: {error.strerror}") from None
