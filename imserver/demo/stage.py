"""Runs the show: starts everything, lets them talk, lets things go wrong, waits until all is right again."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from imserver.app import make_token
from imserver.demo.board import Board
from imserver.demo.dialogue import AGENT, CUSTOMER, Dialogue, Turn
from imserver.demo.incidents import INCIDENTS, Incident, roam, shuffled
from imserver.demo.link import Direction, Link
from imserver.demo.plan import Outcome, Plan
from imserver.demo.processes import AppProcess, ServerProcess
from imserver.demo.traces import Outage

__all__ = ["Stage"]

#: One round of incidents per this many seconds of the run.
CYCLE_S: Final = 40.0
#: A slot of this length lets an incident take its natural time; shorter ones shorten it.
_SLOT_S: Final = 7.0
_UNIT_MIN: Final = 0.3
_OFFICE_LATENCY_S: Final = 0.002
_PHONE_LATENCY_S: Final = 0.03
#: How long a turn waits for the message that it is about.
_KNOWN_S_MAX: Final = 6.0
_START_S_MAX: Final = 20.0
_EXTRA_S_MAX: Final = 15.0
_SETTLE_S_MAX: Final = 30.0
_REPORT_S: Final = 0.1
#: Turns of one round of the story, about.
_TURNS_PER_ROUND: Final = 45


class Stage:
    """Everything that runs. Used once: `run`."""

    def __init__(self, plan: Plan, folder: Path, board: Board) -> None:
        self.plan = plan
        self.board = board
        self.phone = Link(latency_s=_PHONE_LATENCY_S, on_fenced=self._on_fenced)
        board.link = self.phone
        self.apps: dict[str, AppProcess] = {}
        self._office = Link(latency_s=_OFFICE_LATENCY_S)
        self._folder = folder
        self._rng = random.Random(plan.seed)
        self._dialogue = Dialogue(random.Random(plan.seed))
        self._incidents: list[Incident] = []
        self._outages: list[tuple[float, float]] = []
        self._fenced = 0
        self._cells = 0
        self._cycles = max(1, round(plan.length_s / CYCLE_S))
        self._slot_s = plan.length_s * 0.92 / (self._cycles * (len(INCIDENTS) + 1))
        self.unit = max(_UNIT_MIN, min(1.0, self._slot_s / _SLOT_S))
        self._over = False

    async def run(self) -> Outcome:
        """The whole show. All processes have ended when it returns or raises.

        Raises:
            Broken: a process ended by itself or did not begin (in an exception group).
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await self._open(nursery)
                async with trio.open_nursery() as show:
                    show.start_soon(self._talk)
                    show.start_soon(self._weather)
                    show.start_soon(self._bad_day)
                self.board.announce("the day is over: everybody gets a network and time to catch up")
                settled = await self._settle()
            finally:
                with trio.CancelScope(shield=True):
                    await self._close()
            nursery.cancel_scope.cancel()
        passed = {f"{name}_{way.value}": count for (name, way), count in self.phone.bytes_passed.items()}
        return Outcome(
            incidents=tuple(self._incidents),
            outages=tuple(self._outages),
            settled=settled,
            fenced=self._fenced,
            bytes_passed=passed,
            connections=self.phone.flows_opened,
        )

    # Opening and closing ----------------------------------------------------------------------------

    async def _open(self, nursery: trio.Nursery) -> None:
        self.board.announce("starting a server and two apps")
        ports = {}
        for user, link in ((CUSTOMER, self.phone), (AGENT, self._office)):
            link.address = "127.0.0.2" if user == CUSTOMER else "127.0.0.3"
            for service in ("chat", "media"):
                ports[user, service] = await nursery.start(link.serve, service, self._target(service))
        self._server = ServerProcess(self._folder, f"http://127.0.0.1:{ports[AGENT, 'media']}")
        await self.start_server()
        for user, peer in ((CUSTOMER, AGENT), (AGENT, CUSTOMER)):
            self.apps[user] = AppProcess(
                self._folder,
                user=user,
                peer=peer,
                token=make_token(self._server.data_dir, user=user, app=None, days=1),
                chat_port=ports[user, "chat"],
                media_port=ports[user, "media"],
            )
            await self.start_app(user)
        with trio.fail_after(_START_S_MAX):
            await self.board.wait_until(lambda: all(s.resumes for s in self.board.screens.values()))
        self.board.announce("both apps are connected; the customer is on Wi-Fi")

    def _target(self, service: str) -> Callable[[], int]:
        return lambda: self._server.chat_port if service == "chat" else self._server.http_port

    async def _close(self) -> None:
        for app in self.apps.values():
            await app.order({"do": "quit"})
        async with trio.open_nursery() as nursery:
            for app in self.apps.values():
                nursery.start_soon(app.end, signal.SIGTERM)
        if hasattr(self, "_server"):
            await self._server.end(signal.SIGTERM)
        self.board.server = "stopped"

    @property
    def data_dir(self) -> Path:
        """The server's."""
        return self._server.data_dir

    # What incidents do ------------------------------------------------------------------------------

    async def start_server(self) -> None:
        """Start the server on its ports."""
        await self._server.start(self._nursery)
        self.board.server = f"up, pid {self._server.pid}, start {self._server.starts}"
        self.board.touch()

    async def kill_server(self) -> None:
        """SIGKILL it."""
        self._server.kill_now()
        await self._server.end(signal.SIGKILL)
        self.board.server = "killed"
        self.board.touch()

    async def start_app(self, user: str) -> None:
        """Open the app."""
        await self.apps[user].start(self._nursery, self.board.take)

    async def end_app(self, user: str, how: signal.Signals) -> None:
        """End the app."""
        await self.apps[user].end(how)
        self.board.screens[user].state = "off"
        self.board.touch()

    async def type_burst(self, user: str, count: int, topic: str) -> None:
        """Let `user` send `count` messages in one go."""
        for turn in self._dialogue.burst(user, count, topic):
            await self.apps[user].order(turn.to_json())

    def go_cellular(self) -> None:
        """The phone gets an address in another network; what was connected is stranded."""
        self._cells += 1
        self.phone.roam(f"127.0.1.{1 + self._cells % 250}")
        self.board.network = f"cellular {self.plan.drive.carrier} #{self._cells}"

    def _on_fenced(self, service: str) -> None:
        if service == "chat":
            self._fenced += 1

    # What happens meanwhile -------------------------------------------------------------------------

    async def _talk(self) -> None:
        """One turn after the other until the day and at least one round of the story are over."""
        began = trio.current_time()
        first_round = 0
        for number, turn in enumerate(self._dialogue.turns()):
            if not first_round and number and turn.spec.get("kind") == "notice":
                first_round = number
            late_s = trio.current_time() - began - self.plan.length_s
            if (self._over and first_round) or late_s > _EXTRA_S_MAX:
                break
            await self._say(turn)
        for screen in self.board.screens.values():
            for order in screen.skipped:
                await self._know(screen.user, order["key"])
                await self.apps[screen.user].order(order)

    async def _say(self, turn: Turn) -> None:
        # A person's doing: nobody writes on a phone that is off, or reacts to what is not there yet.
        app = self.apps[turn.speaker]
        await app.up.wait()
        await self._know(turn.speaker, turn.reply_to or (turn.key if turn.act != "send" else ""))
        if turn.speaker == AGENT and turn.act == "send":
            await app.order({"do": "typing"})
        pace_s = 0.55 * min(CYCLE_S, self.plan.length_s) / _TURNS_PER_ROUND
        await trio.sleep(pace_s * self._rng.uniform(0.5, 1.5))
        await app.up.wait()
        await app.order(turn.to_json())

    async def _know(self, user: str, key: str) -> None:
        known = self.board.screens[user].known
        with trio.move_on_after(_KNOWN_S_MAX):
            await self.board.wait_until(lambda: not key or key in known)

    async def _weather(self) -> None:
        """Replay the drive's outages; they are a cellular network's, so Wi-Fi has none."""
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for outage in self.plan.drive.outages:
                await trio.sleep_until(began + outage.start_ms / 1000)
                if self._cells:
                    nursery.start_soon(self._replay, outage)

    async def _replay(self, outage: Outage) -> None:
        direction = Direction.DOWN if outage.down else Direction.UP
        reason = f"trace {direction.value}"
        began = time.monotonic()
        self.phone.hold(reason, direction)
        self.board.outages += 1
        self.board.touch()
        try:
            await trio.sleep(outage.length_ms / 1000)
        finally:
            self.phone.release(reason, direction)
            self.board.touch()
        self._outages.append((began, time.monotonic()))

    async def _bad_day(self) -> None:
        """The incidents, each in its slot of time, the customer's leaving the Wi-Fi first."""
        began = trio.current_time()
        slots = (incident for _ in range(self._cycles) for incident in (roam, *shuffled(self._rng)))
        for number, incident in enumerate(slots):
            start_s = (number + 0.4) * self._slot_s
            await trio.sleep_until(began + start_s)
            self._incidents.append(await incident(self))
        await trio.sleep_until(began + self.plan.length_s)
        self._over = True

    # The end ----------------------------------------------------------------------------------------

    async def _settle(self) -> bool:
        """Wait until both have sent, received and fetched everything; then both write down what stands."""
        with trio.move_on_after(_SETTLE_S_MAX):
            await self._until_settled()
            for app in self.apps.values():
                await app.order({"do": "read", "key": "", "emoji": ""})
            await self._until_settled()
            for app in self.apps.values():
                await app.order({"do": "final"})
            await self.board.wait_until(lambda: all(s.final for s in self.board.screens.values()))
            return True
        self.board.announce(f"NOT settled within {_SETTLE_S_MAX:.0f} s")
        return False

    async def _until_settled(self) -> None:
        # Asked again and again: an app has no moment of its own at which the *other* one is done as well.
        while not await self._is_settled():  # noqa: ASYNC110
            await trio.sleep(_REPORT_S)

    async def _is_settled(self) -> bool:
        screens = self.board.screens.values()
        for screen in screens:
            screen.report = None
            await self.apps[screen.user].order({"do": "report"})
        await self.board.wait_until(lambda: all(screen.report for screen in screens))
        reports = [screen.report for screen in screens if screen.report is not None]
        return len({report["head"] for report in reports}) == 1 and not any(
            report["pending"] or report["fetching"] for report in reports
        )
