"""Reads a server's churn log (`churn_log` of its configuration) back as outages."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from imload.churn.outage import How, Outage

#: Causes of the log by how the connection ended as its phone sees it.
_HOW: Final = {
    "closed": How.FIN,
    "reset": How.RESET,
    "idle_timeout": How.SILENT,
    "replaced": How.SILENT,
    "slow": How.FROZEN,
}
LINE_BYTES_MAX: Final = 1024
DEVICES_MAX: Final = 200_000


@dataclass(slots=True)
class Recording:
    """What was recorded, with its devices numbered from 0 in the order they were first seen.

    Attributes:
        length_s: until the last line.
        arrivals: by device: when it was first seen.
        gone: by device: (dropped at, came back at, cause, missed) each, in order of time.
    """

    length_s: float = 0.0
    arrivals: list[float] = field(default_factory=list)
    gone: list[list[tuple[float, float, str, int]]] = field(default_factory=list)

    def outages(self, devices: int) -> list[Outage]:
        """As outages of the first `devices` devices."""
        found = []
        for device, spans in enumerate(self.gone[:devices]):
            for begin_s, end_s, cause, missed in spans:
                how = _HOW.get(cause, How.RESET)
                found.append(
                    Outage(
                        begin_s=begin_s,
                        device=device,
                        end_s=end_s,
                        cause=f"recorded ({cause})",
                        how=How.SILENT if how is How.FROZEN else how,
                        roams=cause == "replaced",
                        missed=missed,
                    )
                )
        return found


def read_recording(path: Path) -> Recording:
    """Read a churn log.

    Raises:
        OSError: it cannot be read.
        ValueError: a line is not one of a churn log; the text says which.
    """
    recording = Recording()
    numbers: dict[int, int] = {}
    down: dict[int, tuple[float, str]] = {}
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX + 1), b""), 1):
            try:
                _take(recording, numbers, down, json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}, line {number} is not of a churn log: {error!r:.120}") from None
    return recording


def _take(
    recording: Recording, numbers: dict[int, int], down: dict[int, tuple[float, str]], line: dict[str, Any]
) -> None:
    what = line["what"]
    if what not in ("connected", "resumed", "dropped"):
        return  # the head of a log; and what later versions may add
    at_s = float(line["ms"]) / 1000
    if at_s < recording.length_s:
        raise ValueError(f"{line['ms']} ms is before the line above")
    recording.length_s = at_s
    device = numbers.setdefault(int(line["who"]), len(numbers))
    if device == len(recording.arrivals):
        if device == DEVICES_MAX:
            raise ValueError(f"more than {DEVICES_MAX} devices")
        recording.arrivals.append(at_s)
        recording.gone.append([])
    if what == "dropped":
        down[device] = (at_s, str(line["cause"]))
    elif device in down:
        since_s, cause = down.pop(device)
        recording.gone[device].append((since_s, at_s, cause, int(line.get("missed", 0))))
