"""A device's line: connects it, cuts it off and brings it back, as its outages and the server have it."""

import random
from collections.abc import Callable
from typing import Final

from imload.churn.outage import How, Outage
from imload.device import Device
from imload.leftovers import Leftovers
from imload.pump import Pump
from imload.retrying import delay_s, name_of
from imload.tally import Tally
from imload.wire import Target, Wire
from improtocol import ProtocolError

_NEVER: Final = float("inf")


def source_of(device: int, roamed: int) -> str:
    """An address of 127.0.0.0/8 for a device that has roamed so often: its own, with its own ports."""
    place = (device + 40_009 * roamed) % (200 * 250 * 250)
    return f"127.{1 + place // 62_500}.{place // 250 % 250}.{1 + place % 250}"


class Line:
    """One device and its connection.

    Args:
        device: whose.
        pump: what moves bytes.
        target: where the server is.
        tally: where attempts are counted.
        leftovers: takes half-open connections.
        rng: of this device, for jitter.
        changed: called when the device has become consistent, or is so no longer.
    """

    __slots__ = (
        "_armed_s",
        "_attempt",
        "_away",
        "_changed",
        "_failures",
        "_frozen",
        "_leftovers",
        "_next_cause",
        "_old",
        "_pump",
        "_rng",
        "_roamed",
        "_tally",
        "_target",
        "_wire",
        "device",
        "failed",
        "load_bytes",
        "wanted",
    )

    def __init__(
        self,
        device: Device,
        pump: Pump,
        target: Target,
        tally: Tally,
        leftovers: Leftovers,
        rng: random.Random,
        changed: Callable[["Line"], None],
    ) -> None:
        self.device = device
        device.wake = self.poke
        self.wanted = False  #: it has arrived
        self.failed = ""  #: why it gave up
        self.load_bytes = 0  #: of the transport, both ways, since the load began
        self._pump = pump
        self._target = target
        self._tally = tally
        self._leftovers = leftovers
        self._rng = rng
        self._changed = changed
        self._wire: Wire | None = None
        self._old: Wire | None = None
        self._away = self._frozen = False
        self._roamed = self._failures = self._attempt = 0
        self._armed_s = _NEVER
        self._next_cause = ""

    # What happens to it ----------------------------------------------------------------------------

    def arrive(self) -> None:
        """Connect for the first time."""
        self.wanted = True
        self.device.resuming.since_s = self._pump.now_s
        if not self._away:
            self._connect()

    def load_begins(self, now_s: float) -> None:
        """What was before does not belong to the load."""
        self.device.radio.restart(now_s)
        self.load_bytes = -(self._wire.bytes_in + self._wire.bytes_out) if self._wire is not None else 0

    def expect(self, cause: str) -> None:
        """The server is about to go: what is lost next is lost for this cause."""
        self._next_cause = cause

    def cut(self, outage: Outage) -> None:
        """The outage begins."""
        self._away = True
        self._attempt += 1  # no retry may cut in
        wire = self._wire
        if wire is None:
            return
        self._tally.counts["cuts"] += 1
        self._pump.ignore(wire.socket.fileno())
        if outage.how is How.FROZEN:
            self._frozen = True
            self.device.steady_s = _NEVER
            return
        self._wire = None
        self._count(wire)
        if outage.how is How.SILENT and wire.open:
            self._old = wire
        else:
            wire.close(reset=outage.how is How.RESET)
        self._disconnected()

    def back(self, outage: Outage) -> None:
        """The outage is over."""
        self._away = False
        if outage.roams:
            self._roamed += 1
        if self._frozen:
            self._frozen = False
            if self._wire is not None:
                self._next_cause = outage.cause  # in case the server has hung up meanwhile
                if self.device.attached:
                    self.device.steady_s = self._pump.now_s
                self._pump.flush_later(self)
                self._watch()
                return
        if not self.wanted:
            return
        self.device.resuming.cause = outage.cause
        self.device.resuming.since_s = self._pump.now_s
        if self._old is not None:
            self._leftovers.add(self._old)
            self._old = None
        self._connect()

    def hang_up(self) -> None:
        """The run is over."""
        self._away = True
        self._attempt += 1
        for wire in (self._wire, self._old):
            if wire is not None:
                self._pump.ignore(wire.socket.fileno())
                wire.close()
        if self._wire is not None:
            self._count(self._wire)
        self._wire = self._old = None

    # The device has something to say ---------------------------------------------------------------

    def poke(self) -> None:
        """The device was told something: write what follows from it."""
        self._pump.flush_later(self)

    def flush(self) -> None:
        if self._wire is None or self._frozen:
            return
        data = self.device.take(self._pump.now_s) if self._wire.open else b""
        if data:
            try:
                self._wire.write(data)
            except OSError as error:
                self._lost(str(error))
                return
            if self._wire.wants_write:
                self._watch()
        self._arm()

    def _arm(self) -> None:
        due_s = self.device.due_s
        if due_s < self._armed_s:
            self._armed_s = due_s
            self._pump.at(due_s, self._on_time)

    def _on_time(self) -> None:
        if self._pump.now_s < self._armed_s:
            return  # a later look replaced by an earlier one
        self._armed_s = _NEVER
        if not self._frozen:
            self.device.on_time(self._pump.now_s)
        self._pump.flush_later(self)

    # The connection --------------------------------------------------------------------------------

    def _connect(self) -> None:
        assert self._wire is None, "a line has one connection"
        self._attempt += 1
        self._tally.counts["attempts"] += 1
        self.device.resuming.connecting_s = self._pump.now_s
        source = source_of(self.device.person.number, self._roamed) if self._target.loopback else None
        try:
            self._wire = Wire(self._target, source)
        except OSError as error:
            self._lost(str(error))
            return
        self._watch()

    def _watch(self) -> None:
        assert self._wire is not None
        self._pump.watch(self._wire.socket.fileno(), self, writing=self._wire.wants_write)

    def ready(self, *, reading: bool, writing: bool) -> None:
        wire = self._wire
        if wire is None:
            return
        try:
            if not wire.open:
                if wire.advance():
                    self.device.hello(self._pump.now_s)
                    self._pump.flush_later(self)
                self._watch()
                return
            if writing:
                wire.flush()
                self._watch()
            if reading:
                data = wire.read()
                if data is None:
                    self._lost("hung up")
                elif data:
                    self._receive(data)
        except (OSError, ProtocolError) as error:
            self._lost(str(error))

    def _receive(self, data: bytes) -> None:
        was = self.device.resuming.consistent
        self.device.receive(data, self._pump.now_s)
        self._pump.flush_later(self)
        if self.device.attached:
            self._failures = 0
        if self.device.resuming.consistent != was:
            self._changed(self)
        if self.device.close is not None:
            self._lost("closed")

    def _lost(self, reason: str) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            self._pump.ignore(wire.socket.fileno())
            wire.close()
            self._count(wire)
        close = self.device.close
        if self.device.attached or close is not None:
            self.device.resuming.since_s = self._pump.now_s
        self._disconnected()
        if self._away or not self.wanted or self.failed:
            return
        delay = delay_s(self._rng, self._failures, close, background=self.device.background)
        self._failures += 1
        if delay is None:
            assert close is not None
            self.failed = f"{name_of(close.code)}: {close.reason or reason}"
            self._tally.counts["gave_up"] += 1
            return
        attempt = self._attempt
        self._pump.at(self._pump.now_s + delay, lambda: self._retry(attempt))

    def _retry(self, attempt: int) -> None:
        if attempt == self._attempt and not self._away:
            self._connect()

    def _disconnected(self) -> None:
        was = self.device.resuming.consistent
        if self.device.attached:
            self._tally.counts["dropped"] += 1
            close = self.device.close
            lost = f"closed ({name_of(close.code)})" if close is not None else "lost"
            self.device.resuming.cause = self._next_cause or lost
        self._next_cause = ""
        self.device.lost()
        if was:
            self._changed(self)

    def _count(self, wire: Wire) -> None:
        self._tally.bytes_in += wire.bytes_in
        self._tally.bytes_out += wire.bytes_out
        self.load_bytes += wire.bytes_in + wire.bytes_out
