"""The bad day: what goes wrong, and what each mishap cost."""

import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import trio

from imserver.demo.board import Resume
from imserver.demo.dialogue import AGENT, CUSTOMER, PEOPLE

if TYPE_CHECKING:
    from imserver.demo.stage import Stage

__all__ = ["INCIDENTS", "Incident", "roam"]

#: Every entitled device reaches the head within this time once faults stop (the contract's liveness).
CONSISTENT_S_MAX: Final = 30.0
_PROMISED_S_MAX: Final = 5.0


@dataclass(slots=True, kw_only=True)
class Incident:
    """One mishap. Times are on the machine's monotonic clock; `back_at` is when the cause was over.

    `resumes` are those that made the apps consistent again, empty when that took longer than allowed.
    """

    name: str
    began_at: float
    back_at: float = 0.0
    resumes: list[Resume] = field(default_factory=list)

    @property
    def outage_s(self) -> float:
        """How long the cause lasted."""
        return self.back_at - self.began_at

    @property
    def consistent_s(self) -> float | None:
        """From the end of the cause until nothing was missing any more on any side; None: never."""
        if not self.resumes:
            return None
        return max(0.0, max(resume.consistent_at for resume in self.resumes) - self.back_at)


async def roam(stage: "Stage") -> Incident:
    """A network ends, another begins: a new address; the old connection stays, half-open and silent."""
    incident = _begin(f"{stage.board.network.split()[0]} → cellular")
    stage.board.announce(f"the phone leaves {stage.board.network}: new address, the old connection half-open")
    stage.phone.hold("switch")
    await trio.sleep(0.3)
    stage.go_cellular()
    stage.phone.release("switch")
    _is_back(incident)
    await stage.apps[CUSTOMER].order({"do": "network", "label": stage.board.network})
    return await _until_consistent(stage, incident, CUSTOMER)


async def lift(stage: "Stage") -> Incident:
    """Everything in flight is dropped and no side hears of it. Outside, the old connection stays dead."""
    incident = _begin("lift, silent drop")
    stage.board.announce("a lift: everything is dropped, nobody is told; the customer goes on typing")
    stage.phone.hold("lift")
    stage.phone.strand()
    await stage.type_burst(CUSTOMER, 3, "lift")
    await trio.sleep(3.0 * stage.unit)
    stage.phone.release("lift")
    _is_back(incident)
    await stage.apps[CUSTOMER].order({"do": "network", "label": stage.board.network})
    return await _until_consistent(stage, incident, CUSTOMER)


async def kill_app(stage: "Stage") -> Incident:
    """SIGKILL in mid-send: messages promised, in flight, not begun; a picture half uploaded."""
    screen = stage.board.screens[CUSTOMER]
    promised = screen.count["sent"] + 4
    await stage.type_burst(CUSTOMER, 6, "killed")
    with trio.move_on_after(_PROMISED_S_MAX):
        await stage.board.wait_until(lambda: screen.count["sent"] >= promised)
    incident = _begin("app SIGKILLed in mid-send")
    stage.apps[CUSTOMER].kill_now()
    await stage.end_app(CUSTOMER, signal.SIGKILL)
    stage.board.announce("the customer's app was SIGKILLed in mid-send; the agent goes on")
    await stage.type_burst(AGENT, 2, "meanwhile")
    await trio.sleep(1.5 * stage.unit)
    _is_back(incident)
    await stage.start_app(CUSTOMER)
    return await _until_consistent(stage, incident, CUSTOMER)


async def power_off(stage: "Stage") -> Incident:
    """The battery is empty: the radio is gone at once, the server hears nothing, messages go on arriving."""
    incident = _begin("phone off")
    stage.board.announce("the phone's battery is empty; the agent goes on writing")
    stage.phone.hold("off")
    stage.phone.strand()
    await stage.end_app(CUSTOMER, signal.SIGKILL)
    for _ in range(3):
        await stage.type_burst(AGENT, 4, "while-off")
        await trio.sleep(1.3 * stage.unit)
    stage.phone.release("off")
    _is_back(incident)
    await stage.start_app(CUSTOMER)
    return await _until_consistent(stage, incident, CUSTOMER)


async def kill_server(stage: "Stage") -> Incident:
    """SIGKILL with commands of both sides in flight; then the same ports again."""
    counts = {user: stage.board.screens[user].count["sent"] + 2 for user in PEOPLE}
    for user in PEOPLE:
        await stage.type_burst(user, 3, "server")
    with trio.move_on_after(_PROMISED_S_MAX):
        await stage.board.wait_until(
            lambda: all(stage.board.screens[user].count["sent"] >= count for user, count in counts.items())
        )
    incident = _begin("server SIGKILLed")
    await stage.kill_server()
    stage.board.announce("the server was SIGKILLed")
    await trio.sleep(1.0 * stage.unit)
    await stage.start_server()
    _is_back(incident)
    return await _until_consistent(stage, incident, *PEOPLE)


#: What happens once the customer is on the road, in an order that the seed decides.
INCIDENTS: Final[tuple[Callable[["Stage"], Awaitable[Incident]], ...]] = (
    lift,
    kill_app,
    power_off,
    kill_server,
)


def shuffled(rng: random.Random) -> list[Callable[["Stage"], Awaitable[Incident]]]:
    """All of `INCIDENTS`, in the seed's order."""
    return rng.sample(INCIDENTS, len(INCIDENTS))


def _begin(name: str) -> Incident:
    return Incident(name=name, began_at=time.monotonic())


def _is_back(incident: Incident) -> None:
    incident.back_at = time.monotonic()


async def _until_consistent(stage: "Stage", incident: Incident, *users: str) -> Incident:
    """Wait until each of `users` has resumed after `back_at` and misses nothing, and note what it cost."""

    def after(user: str) -> list[Resume]:
        return [r for r in stage.board.screens[user].resumes if r.consistent_at >= incident.back_at]

    with trio.move_on_after(CONSISTENT_S_MAX) as scope:
        await stage.board.wait_until(lambda: all(after(user) for user in users))
    if scope.cancelled_caught:
        stage.board.announce(f"{incident.name}: NOT consistent within {CONSISTENT_S_MAX:.0f} s")
        return incident
    incident.resumes = [after(user)[0] for user in users]
    stage.board.announce(
        f"{incident.name}: consistent again after {(incident.consistent_s or 0) * 1000:.0f} ms"
    )
    return incident
