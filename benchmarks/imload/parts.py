"""Several processes play one run: each its part, in step with the others."""

import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from imload.histogram import Histogram
from imload.monitor import Monitor
from imload.player import Harvest, Part, Player, Snapshot
from imload.schedule import make_schedule

_SNAPSHOT_S: Final = 0.5
_LOOK_S: Final = 0.05
#: All begin the load at the same moment, so long after the last has arrived.
_LEAD_S: Final = 0.3
#: A part that says nothing for so long hangs.
_SILENCE_S_MAX: Final = 120.0


def play_parts(parts: list[Part], token_of: Callable[[str], str], monitor: Monitor, rest_s: float) -> Harvest:
    """Play all parts, each in a process of its own; returns what they brought home together.

    Raises:
        RuntimeError: one of them failed; the others are ended.
    """
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection[Any, Any]] = []
    processes = []
    monitor.phase("arriving")
    try:
        for part in parts:
            ours, theirs = context.Pipe()
            process = context.Process(target=_play, args=(part, token_of, theirs), daemon=True)
            process.start()
            theirs.close()
            pipes.append(ours)
            processes.append(process)
        together = _Together(pipes, monitor)
        together.until("arrived")
        monitor.phase("resting")
        together.rest(rest_s)
        monitor.phase("load")
        begin_s = time.monotonic() + _LEAD_S
        for pipe in pipes:
            pipe.send(begin_s)
        monitor.load_begins(begin_s)
        together.until("loaded")
        monitor.phase("settling")
        together.until("harvest")
        harvest = together.harvests.pop()
        for other in together.harvests:
            harvest.add(other)
        return harvest
    finally:
        for process in processes:
            process.join(1)
            if process.is_alive():
                process.kill()
                process.join()


class _Together:
    """The parts' pipes, and what came over them."""

    def __init__(self, pipes: "list[Connection[Any, Any]]", monitor: Monitor) -> None:
        self._pipes = pipes
        self._monitor = monitor
        self._reached: dict[int, set[str]] = {index: set() for index in range(len(pipes))}
        self._snapshots: dict[int, Snapshot] = {}
        self._heard_s = time.monotonic()
        self.harvests: list[Harvest] = []

    def until(self, name: str) -> None:
        while not all(name in reached for reached in self._reached.values()):
            self._turn()

    def rest(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self._turn()

    def _turn(self) -> None:
        open_pipes = [pipe for pipe in self._pipes if not pipe.closed]
        for pipe in wait(open_pipes, _LOOK_S):
            self._heard_s = time.monotonic()
            self._take(self._pipes.index(pipe))  # type: ignore[arg-type]
        if time.monotonic() - self._heard_s > _SILENCE_S_MAX:
            raise RuntimeError("the processes fell silent")
        if len(self._snapshots) == len(self._pipes):
            self._monitor.look(self._sum)

    def _take(self, index: int) -> None:
        pipe = self._pipes[index]
        try:
            kind, value = pipe.recv()
        except EOFError:
            pipe.close()
            if "harvest" not in self._reached[index]:
                raise RuntimeError("a process of the load ended before its time") from None
            return
        if kind == "failed":
            raise RuntimeError(value)
        if kind == "snapshot":
            before = self._snapshots.get(index)
            if before is not None:  # latencies since the last look, not since the last snapshot
                ack = Histogram.from_json(value["ack"])
                ack.add(Histogram.from_json(before["ack"]))
                value["ack"] = ack.to_json()
            self._snapshots[index] = value
            return
        self._reached[index].add(kind)
        if kind == "harvest":
            self.harvests.append(value)

    def _sum(self) -> Snapshot:
        total: Snapshot = {}
        ack = Histogram()
        for snapshot in self._snapshots.values():
            ack.add(Histogram.from_json(snapshot["ack"]))
            snapshot["ack"] = Histogram().to_json()
            for name, value in snapshot.items():
                if name != "ack":
                    total[name] = total.get(name, 0) + value
        total["ack"] = ack.to_json()
        return total


def _play(part: Part, token_of: Callable[[str], str], pipe: "Connection[Any, Any]") -> None:
    """A process: play, and tell the one that started it. Ctrl-C is that one's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _play_in_step(part, token_of, pipe)
    except (OSError, ValueError, RuntimeError) as error:
        pipe.send(("failed", str(error)))


def _play_in_step(part: Part, token_of: Callable[[str], str], pipe: "Connection[Any, Any]") -> None:
    player = Player(part, make_schedule(part.scenario, part.seed), token_of)
    last_s = 0.0

    def look() -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= _SNAPSHOT_S:
            last_s = time.monotonic()
            pipe.send(("snapshot", player.snapshot()))

    player.driver.arrive(look)
    pipe.send(("arrived", None))
    while not pipe.poll():
        player.driver.rest(_LOOK_S, look)
    begin_s = pipe.recv()
    player.driver.load(look, begin_s)
    pipe.send(("loaded", None))
    settled = player.driver.settle(look)
    pipe.send(("harvest", player.finish(settled=settled)))
