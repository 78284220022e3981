"""What every workload stands on: one running peer, its devices, and the handling of many of them."""

import heapq
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.device import Device
from benchmarks.peers.peer import Peer
from benchmarks.peers.process import Server
from benchmarks.peers.pump import Pump

#: A chat message: short, as most are. Longer than what each protocol encodes most shortly.
BODY_BYTES = 45
#: Connections under way at once, where a workload is not about a storm.
OPENING_MAX = 50
#: The shortest wait before an app that lost its connection tries again.
RETRY_S_MIN = 0.05
#: A server that says nothing for so long, although something is due, has stopped.
SILENT_S_MAX = 30.0

Post = tuple[str, bytes]


def posts(sender: Device, recipients: Iterable[Device], count: int, first: int = 0) -> list[Post]:
    """`count` messages for each recipient in turn; a body tells sender, recipient and number."""
    names = [recipient.name for recipient in recipients]
    return [
        (name, f"{sender.name}:{name}#{number:06d}".ljust(BODY_BYTES, ".").encode())
        for number in range(first, first + count)
        for name in names
    ]


class Stage:
    """A running peer with apps around it.

    Args:
        peer: what is measured.
        folder: for its data.
        scale: of the usual number of messages and sessions.
    """

    def __init__(self, peer: Peer, folder: Path, scale: float) -> None:
        self.peer = peer
        self.folder = folder
        self.server: Server = peer.start(folder)
        self.pump = Pump()
        self._scale = scale * peer.pace
        self._retries: list[tuple[float, int, Device]] = []
        self._retried = 0

    def count(self, usual: int) -> int:
        """So many of something that there usually are `usual` of."""
        return max(1, round(usual * self._scale))

    def devices(self, prefix: str, count: int, *, sends: bool = False) -> list[Device]:
        """New users' apps: `prefix` and a number of five digits."""
        return [self.peer.device(self.server, f"{prefix}{n:05d}", sends=sends) for n in range(count)]

    def connect(
        self,
        devices: Sequence[Device],
        ready: Callable[[Device], bool] | None = None,
        opening_max: int = OPENING_MAX,
    ) -> None:
        """Open connections, so many at once, until each device is attached and, if asked, `ready`."""
        waiting = deque(devices)
        opening: set[Device] = set()

        def progress(device: Device) -> None:
            if device in opening and device.attached and (ready is None or ready(device)):
                opening.discard(device)

        self.pump.on_progress = progress
        while waiting or opening:
            while waiting and len(opening) < opening_max:
                device = waiting.popleft()
                opening.add(device)
                self.pump.open(device, self.server.address)
            self.pump.until(lambda: (len(opening) < opening_max and bool(waiting)) or not opening)
        self.pump.on_progress = None

    def drop(self, devices: Iterable[Device]) -> None:
        """Hang up."""
        for device in devices:
            self.pump.drop(device)

    def acknowledge(self, devices: Iterable[Device]) -> None:
        """Acknowledge what was received, and wait until the peer has worked it off."""
        for device in devices:
            device.acknowledge()
            self.pump.flush(device)
        self.server.settle()
        self.quiet()

    def quiet(self, silent_s: float = 0.2) -> None:
        """Read until nothing more comes for so long."""
        while self.pump.turn(silent_s):
            pass

    def retrying(self) -> None:
        """From now on devices that lose their connection try again, at once or when the peer says."""

        def again(device: Device) -> None:
            self._retried += 1
            due_s = time.monotonic() + max(RETRY_S_MIN, device.retry_after_s)
            heapq.heappush(self._retries, (due_s, self._retried, device))

        self.pump.on_lost = again

    def turn(self) -> bool:
        """A turn of the pump, and the tries that are due."""
        now_s = time.monotonic()
        while self._retries and self._retries[0][0] <= now_s:
            self.pump.open(heapq.heappop(self._retries)[2], self.server.address)
        return self.pump.turn(0.02)

    def until(self, done: Callable[[], bool]) -> None:
        """Turn, with tries, until `done`.

        Raises:
            RuntimeError: it was not, although nothing came for a long time.
        """
        heard_s = time.monotonic()
        while not done():
            if self.turn():
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > SILENT_S_MAX:
                raise RuntimeError(f"the peer fell silent for {SILENT_S_MAX} s")

    def until_silent(self, silent_s: float) -> None:
        """Turn, with tries, until nothing came for so long."""
        heard_s = time.monotonic()
        while time.monotonic() - heard_s < silent_s:
            if self.turn():
                heard_s = time.monotonic()

    def restart(self) -> None:
        """SIGKILL, and start again on the same data; devices that try again find the new address."""
        self.server.kill()
        self.server = self.peer.start(self.folder)

    def close(self) -> None:
        """End it all."""
        self.pump.close()
        self.server.kill()


class Feed:
    """Senders with their posts, each with a window of unacknowledged ones."""

    def __init__(self, pump: Pump, plan: dict[Device, list[Post]], window: int) -> None:
        self._pump = pump
        self._window = window
        self._left = {device: deque(each) for device, each in plan.items()}
        self._todo = sum(map(len, plan.values()))
        self._before = sum(len(device.acked) for device in plan)

    def progress(self, device: Device) -> None:
        """A sender has read something: fill its window. The pump's hook."""
        left = self._left.get(device)
        if left:
            self._fill(device, left)

    def start(self) -> None:
        """Fill all windows."""
        for device, left in self._left.items():
            self._fill(device, left)
            self._pump.flush(device)

    @property
    def acked(self) -> int:
        """Posts of this feed acknowledged so far."""
        return sum(len(device.acked) for device in self._left) - self._before

    def done(self) -> bool:
        """Everything is acknowledged."""
        return self.acked >= self._todo

    def _fill(self, device: Device, left: deque[Post]) -> None:
        while left and device.attached and len(device.outbox) < self._window:
            device.send(*left.popleft())


def deliver(
    stage: Stage, plan: dict[Device, list[Post]], window: int, receivers: Sequence[Device] = ()
) -> None:
    """Send all; return when all is acknowledged and these receivers have as much more as was sent."""
    feed = Feed(stage.pump, plan, window)
    goal = sum(len(receiver.received) for receiver in receivers) + sum(map(len, plan.values()))
    stage.pump.on_progress = feed.progress
    feed.start()
    stage.pump.until(feed.done)
    if receivers:
        stage.pump.until(lambda: sum(len(receiver.received) for receiver in receivers) >= goal)
    stage.pump.on_progress = None


@contextmanager
def staged(peer: Peer, scale: float) -> Iterator[Stage]:
    """A fresh peer with an empty data folder, gone at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix=f"peer-{peer.key}-"))
    try:
        stage = Stage(peer, folder, scale)
        try:
            yield stage
        finally:
            stage.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
