"""The driver: plays a schedule against a server, for the devices of one process."""

import heapq
import random
from collections.abc import Callable, Iterator
from typing import Final

from imload.book import Book
from imload.churn.outage import Outage
from imload.device import Device
from imload.leftovers import Leftovers
from imload.lines import Line
from imload.pump import Pump
from imload.radio import Radio
from imload.scenario import Scenario
from imload.schedule import Posting, Schedule
from imload.storm_watch import StormWatch
from imload.uploads import Uploader
from imload.wire import Target

#: All must have arrived so long after the last was due, and 10 ms a device.
_ARRIVE_S_MAX: Final = 30.0
_ARRIVE_S_PER_DEVICE: Final = 0.01
#: What happens at the same moment happens in this order.
_BACK, _ARRIVE, _CUT, _MODE, _POST = range(5)


Step = tuple[float, int, Callable[[], None]]


class Driver:
    """Plays what `schedule` holds for `devices`.

    Args:
        schedule, scenario, seed: what to play.
        devices: numbers of the devices of this process.
        book: the run's terms; gets all that is measured.
        target: where the server is.
        pump: moves bytes, and has the clock.
        uploader: uploads beside it.

    Storms of the server are not its business: it only notes how its devices find back.
    """

    def __init__(
        self,
        schedule: Schedule,
        scenario: Scenario,
        seed: int,
        devices: range | list[int],
        book: Book,
        target: Target,
        pump: Pump,
        uploader: Uploader,
    ) -> None:
        self._schedule = schedule
        self._scenario = scenario
        self._book = book
        self.pump = pump
        self._uploader = uploader
        self._leftovers = Leftovers(pump)
        self.storms = [StormWatch(storm) for storm in scenario.storms]
        self.lines: dict[int, Line] = {}
        for number in devices:
            device = Device(
                schedule.people.persons[number], book, Radio(scenario.app.radio_tail_s, scenario.speed)
            )
            rng = random.Random(f"imload {seed} line {number}")
            self.lines[number] = Line(device, pump, target, book.tally, self._leftovers, rng, self._changed)
        self.consistent = 0  #: devices that have everything
        self.began_s = 0.0  #: when the load began, by the pump's clock
        self._deliveries = self._count_deliveries()

    def _count_deliveries(self) -> int:
        """What the devices of this process are to receive in the end."""
        total = 0
        for posting in self._schedule.postings:
            devices = self._schedule.people.chats[posting.chat].devices
            total += sum(device in self.lines and device != posting.device for device in devices)
        return total

    # Arriving --------------------------------------------------------------------------------------

    def arrive(self, look: Callable[[], None]) -> None:
        """Connect everyone who is there before the load; make the groups. `look` is called every turn.

        Raises:
            RuntimeError: they could not all be connected in time.
        """
        pump, over_s = self.pump, self._scenario.arrivals.over_s
        begin_s = pump.clock()
        pump.now_s = begin_s
        early = [a for a in self._schedule.arrivals if a.at_s <= 0 and a.device in self.lines]
        for arrival in early:
            pump.at(begin_s + arrival.at_s + over_s, self.lines[arrival.device].arrive)
        for chat in self._schedule.people.chats:
            if chat.group and chat.devices[0] in self.lines:
                self.lines[chat.devices[0]].device.make_group(chat, begin_s)
        deadline_s = begin_s + over_s + _ARRIVE_S_MAX + _ARRIVE_S_PER_DEVICE * len(early)
        while self.consistent < len(early) or self._busy([a.device for a in early]):
            pump.turn(pump.now_s + 1)
            look()
            if pump.now_s > deadline_s:
                reasons = sorted({line.failed for line in self.lines.values() if line.failed})
                why = f": {'; '.join(reasons[:3])}" if reasons else ""
                raise RuntimeError(
                    f"only {self.consistent} of {len(early)} devices could connect in time{why}"
                )

    def _busy(self, devices: list[int]) -> bool:
        return any(not self.lines[device].device.idle for device in devices)

    def rest(self, seconds: float, look: Callable[[], None]) -> None:
        """Only keep the connections alive for a while."""
        until_s = self.pump.clock() + seconds
        while self.pump.clock() < until_s:
            self.turn(until_s)
            look()

    # The load --------------------------------------------------------------------------------------

    def load(self, look: Callable[[], None], begin_s: float | None = None) -> None:
        """Play the load, which begins now (or at `begin_s`) by the pump's clock, to its end."""
        self.began_s = self.pump.clock() if begin_s is None else begin_s
        for line in self.lines.values():
            line.load_begins(self.began_s)
        speed = self._scenario.speed
        steps = heapq.merge(*self._all_steps(), key=lambda step: (step[0], step[1]))
        end_s = self.began_s + self._scenario.seconds / speed
        step = next(steps, None)
        while True:
            now_s = self.pump.clock()
            self.pump.now_s = now_s
            while step is not None and self.began_s + step[0] / speed <= now_s:
                self.pump.now_s = now_s
                self._book.tally.took("generator_lag", now_s - self.began_s - step[0] / speed)
                step[2]()
                step = next(steps, None)
                now_s = self.pump.clock()
            if step is None and now_s >= end_s:
                return
            following_s = end_s if step is None else self.began_s + step[0] / speed
            self.turn(max(following_s, now_s))
            look()

    def _all_steps(self) -> Iterator[Iterator[Step]]:
        schedule, lines = self._schedule, self.lines
        yield (
            (a.at_s, _ARRIVE, lines[a.device].arrive)
            for a in schedule.arrivals
            if a.at_s > 0 and a.device in lines
        )
        yield ((p.at_s, _POST, self._post(p)) for p in schedule.postings if p.device in lines)
        yield (
            (m.at_s, _MODE, self._mode(m.device, m.background)) for m in schedule.modes if m.device in lines
        )
        mine = [outage for outage in schedule.outages if outage.device in lines]
        yield ((o.begin_s, _CUT, self._cut(o)) for o in mine)
        yield ((o.end_s, _BACK, self._back(o)) for o in sorted(mine, key=lambda o: o.end_s))
        for index, storm in enumerate(self._scenario.storms):
            # Before the cuts of the same moment.
            yield iter([(storm.at_s, _BACK, self._storm(index))])

    def _post(self, posting: Posting) -> Callable[[], None]:
        def post() -> None:
            line = self.lines[posting.device]
            line.device.post(posting, self.pump.now_s)
            line.poke()

        return post

    def _mode(self, device: int, background: bool) -> Callable[[], None]:
        def change() -> None:
            self.lines[device].device.set_mode(background=background)
            self.lines[device].poke()

        return change

    def _cut(self, outage: Outage) -> Callable[[], None]:
        if outage.storm >= 0 and self._scenario.storms[outage.storm].of_server:
            return lambda: self.lines[outage.device].expect(outage.cause)
        return lambda: self.lines[outage.device].cut(outage)

    def _back(self, outage: Outage) -> Callable[[], None]:
        if outage.storm >= 0 and self._scenario.storms[outage.storm].of_server:
            return lambda: None  # the device finds back by itself
        return lambda: self.lines[outage.device].back(outage)

    def _storm(self, index: int) -> Callable[[], None]:
        def begin() -> None:
            storm = self._scenario.storms[index]
            hit = {o.device for o in self._schedule.outages if o.storm == index and o.device in self.lines}
            # By the schedule, as the devices' own moments are, however late this loop is.
            begin_s = self.began_s + storm.at_s / self._scenario.speed
            self.storms[index].begin(hit, begin_s, storm.away_s / self._scenario.speed)
            self._book.storming = True

        return begin

    def _changed(self, line: Line) -> None:
        if not line.device.resuming.consistent:
            self.consistent -= 1
            return
        self.consistent += 1
        for storm in self.storms:
            if storm.waiting:
                storm.consistent(line.device.person.number, self.pump.now_s)
        self._book.storming = any(storm.waiting for storm in self.storms)

    # The end ---------------------------------------------------------------------------------------

    def turn(self, until_s: float) -> None:
        """A turn of the pump, and whatever is done beside it."""
        self.pump.turn(until_s)
        self._uploader.poll(self.pump.now_s)
        self._leftovers.close_old()

    def settled(self) -> bool:
        """Everybody is back, everything posted has its result, everything for these devices is there."""
        counts = self._book.tally.counts
        if counts["received"] < self._deliveries or self.consistent < len(self.lines):
            return False
        return all(line.device.idle for line in self.lines.values())

    def settle(self, look: Callable[[], None]) -> bool:
        """Wait until everything is settled, `settle_s` at most; returns whether it is."""
        deadline_s = self.pump.clock() + self._scenario.settle_s
        while not self.settled():
            self.turn(self.pump.clock() + 0.1)
            look()
            if self.pump.now_s > deadline_s:
                return False
        return True

    def close(self) -> None:
        """Hang up everybody."""
        for line in self.lines.values():
            line.hang_up()
        self._leftovers.close()
        self._uploader.close()
        self.pump.close()
