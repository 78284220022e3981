"""A run: schedule, server, processes, oracle, results."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from imload.ledger import Verdict, judge
from imload.machine import Machine, fixed_loop_ms
from imload.monitor import Monitor
from imload.parts import play_parts
from imload.player import Harvest, Part, Player
from imload.results import Line, result_lines
from imload.scenario import Scenario
from imload.schedule import Schedule, make_schedule
from imload.server import OwnServer

#: Before memory is read, what arriving left behind settles.
REST_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where and how a scenario is run.

    Attributes:
        seed: of the schedule.
        url: of the server; with `own`, its URL.
        own: the tool's own server, for storms of the server.
        pid: of the server, to measure; None: it is not measured.
        authority: a PEM file to trust for TLS.
        processes: how many play it.
        token_of: makes tokens; has to be picklable for several processes.
    """

    url: str
    token_of: Callable[[str], str]
    seed: int = 1
    own: OwnServer | None = None
    pid: int | None = None
    authority: Path | None = None
    processes: int = 1


class Watcher(Protocol):
    """Who looks on: the live view, and the file of results."""

    def line(self, line: Line) -> None:
        """A result line: `second`, `phase` and so on."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended."""

    verdict: Verdict
    harvest: Harvest
    lines: list[Line]

    @property
    def passed(self) -> bool:
        """Every message is accounted for, and every device came back."""
        return self.verdict.passed and self.harvest.settled and not self.harvest.failures


def run(scenario: Scenario, options: Options, watcher: Watcher) -> Outcome:
    """Play `scenario`, judge it, and tell `watcher` all results.

    Raises:
        OSError, ValueError: a trace cannot be read, or the server not be reached.
        RuntimeError: the devices could not all be connected.
    """
    schedule = make_schedule(scenario, options.seed)
    tag = f"r{secrets.token_hex(4)}"
    loop_ms = fixed_loop_ms()
    lines: list[Line] = []

    def tell(line: Line) -> None:
        lines.append(line)
        watcher.line(line)

    tell(_head(scenario, options, schedule, tag, loop_ms))
    monitor = Monitor(scenario, tell, own=options.own, pid=options.pid)
    parts = [
        Part(scenario, options.seed, tag, options.url, _text(options.authority), index, options.processes)
        for index in range(options.processes)
    ]
    if options.processes == 1:
        harvest = _play_here(parts[0], schedule, options.token_of, monitor)
    else:
        harvest = play_parts(parts, options.token_of, monitor, REST_S)
    monitor.phase("judging")
    monitor.end_storms()
    verdict = judge(schedule, harvest.ledger)
    for line in result_lines(scenario, schedule, verdict, harvest, monitor):
        tell(line)
    return Outcome(verdict, harvest, lines)


def _play_here(part: Part, schedule: Schedule, token_of: Callable[[str], str], monitor: Monitor) -> Harvest:
    player = Player(part, schedule, token_of)

    def look() -> None:
        monitor.look(player.snapshot)

    monitor.phase("arriving")
    player.driver.arrive(look)
    monitor.phase("resting")
    player.driver.rest(REST_S, look)
    monitor.phase("load")
    monitor.load_begins(time.monotonic())
    player.driver.load(look)
    monitor.phase("settling")
    settled = player.driver.settle(look)
    return player.finish(settled=settled)


def _head(
    scenario: Scenario, options: Options, schedule: Schedule, tag: str, loop_ms: float
) -> dict[str, Any]:
    return {
        "type": "run",
        "name": scenario.name,
        "seed": options.seed,
        "fingerprint": schedule.fingerprint(),
        "tag": tag,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "transport": options.url.partition(":")[0],
        "processes": options.processes,
        "own_server": options.own is not None,
        "machine": str(Machine.here()),
        "fixed_loop_ms": round(loop_ms, 2),
        "sessions": len(schedule.people.persons),
        "messages": len(schedule.postings),
        "outages": len(schedule.outages),
        "scenario": scenario.model_dump(mode="json"),
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
