"""Looks on while a run is under way: a line every second, usage at each phase, storms of the server."""

import time
from collections.abc import Callable
from typing import Any, Final

from imload.histogram import Histogram
from imload.player import Snapshot
from imload.processes import Usage, usage_of
from imload.scenario import Scenario
from imload.server import OwnServer

_SECOND_S: Final = 1.0


class Monitor:
    """Called from the loop of the run, so it never waits long.

    Args:
        scenario: its storms and its speed.
        tell: takes the lines.
        own: the server to end and start in storms.
        pid: of the server, to measure; of `own` if None.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        scenario: Scenario,
        tell: Callable[[dict[str, Any]], None],
        *,
        own: OwnServer | None,
        pid: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._own = own
        self._pid = pid
        self._clock = clock
        self._began_s = self._last_s = clock()
        self._last_cpu_s: float | None = None
        #: CPU of own servers that were ended: a new process begins at 0.
        self._spent_s = 0.0
        self._todo: list[tuple[float, str]] = []
        self._scenario = scenario
        self._ending = False
        #: By phase: the moment, the server's usage, and the counts so far.
        self.phases: dict[str, tuple[float, Usage | None, Snapshot]] = {}
        self._latest: Snapshot = {}
        self.connects_per_s_max = 0.0
        self.resumes_per_s_max = 0.0

    # Phases ----------------------------------------------------------------------------------------

    def phase(self, name: str) -> None:
        """A phase begins: read what the server has used."""
        self.phases[name] = (self._clock(), self.usage(), self._latest)
        self._tell({"type": "phase", "name": name, "s": round(self._clock() - self._began_s, 3)})

    def usage(self) -> Usage | None:
        """Of the server, those before its restarts included."""
        pid = self._own.pid if self._own is not None else self._pid
        usage = usage_of(pid) if pid is not None else None
        return None if usage is None else Usage(usage.cpu_s + self._spent_s, usage.memory_kib)

    def load_begins(self, at_s: float) -> None:
        """The load begins at `at_s`: plan the server's storms."""
        for storm in self._scenario.storms:
            if storm.of_server:
                at = at_s + storm.at_s / self._scenario.speed
                self._todo.append((at, storm.kind))
                self._todo.append((at + storm.away_s / self._scenario.speed, "launch"))
        self._todo.sort()

    def end_storms(self) -> None:
        """The run is over: the server must be there for whatever follows."""
        self._todo.clear()

    # Every turn ------------------------------------------------------------------------------------

    def look(self, snapshot: Callable[[], Snapshot]) -> None:
        """Do what is due."""
        now_s = self._clock()
        while self._todo and self._todo[0][0] <= now_s:
            if not self._storm(self._todo[0][1]):
                break
            self._todo.pop(0)
        if now_s - self._last_s >= _SECOND_S:
            self._second(snapshot(), now_s)

    def _storm(self, what: str) -> bool:
        """Returns False when it has to wait for the old process to end."""
        own = self._own
        if own is None:
            return True
        if what == "launch":
            if not own.ended:
                return False
            own.launch()
            return True
        usage = usage_of(own.pid)
        self._spent_s += usage.cpu_s if usage is not None else 0.0
        self._last_cpu_s = None
        own.end(kill=what == "kill")
        return True

    def _second(self, now: Snapshot, at_s: float) -> None:
        passed_s = at_s - self._last_s
        before, self._latest, self._last_s = self._latest, now, at_s
        ack = Histogram.from_json(now["ack"])
        rates = {
            f"{name}_per_s": round((now[name] - before.get(name, 0)) / passed_s, 1)
            for name in ("posted", "acked", "received", "connects", "resumes", "dropped")
        }
        self.connects_per_s_max = max(self.connects_per_s_max, rates["connects_per_s"])
        self.resumes_per_s_max = max(self.resumes_per_s_max, rates["resumes_per_s"])
        usage = self.usage()
        line: dict[str, Any] = {
            "type": "second",
            "s": round(at_s - self._began_s, 2),
            "phase": next(reversed(self.phases), ""),
            "sessions": now["sessions"],
            **rates,
            "posted": now["posted"],
            "acked": now["acked"],
            "received": now["received"],
            "ack_p50_ms": round(ack.percentile_us(50) / 1000, 2),
            "ack_p99_ms": round(ack.percentile_us(99) / 1000, 2),
        }
        if usage is not None:
            if self._last_cpu_s is not None:
                line["server_cpu_percent"] = round(100 * (usage.cpu_s - self._last_cpu_s) / passed_s, 1)
            line["server_memory_mib"] = round(usage.memory_kib / 1024, 1)
            self._last_cpu_s = usage.cpu_s
        self._tell(line)
