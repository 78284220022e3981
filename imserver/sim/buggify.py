"""Buggify: named sites that make what is rare common. Each world has its own random handful of them.

The idea is FoundationDB's: a code path that runs once a year in production runs in every fourth world here.
`SITES` fire while the world runs, `KNOBS` set a limit or a constant to an extreme for the length of a world.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from random import Random
from types import SimpleNamespace
from typing import Any, Final

from imserver.core import CoreLimits
from imserver.gateway import GatewayLimits

#: Share of worlds in which a site or knob is on.
SHARE: Final = 0.3

#: Sites and how often they fire where they are on.
SITES: Final[dict[str, float]] = {
    "recv_would_block": 0.1,
    "recv_one_byte": 0.1,
    "send_would_block": 0.2,
    "send_takes_half": 0.3,
    "second_half_late": 0.03,
    "accept_no_descriptors": 0.2,
    "accept_queue_full": 0.2,
    "select_tells_one": 0.5,
    "tiny_chunks": 0.5,
    "tiny_window": 0.4,
    "slow_network": 0.3,
    "server_slow_before_commit": 0.1,
    "server_slow_after_commit": 0.1,
    "server_slow_read": 0.1,
    "server_trims": 0.05,
    "phone_slow_before_commit": 0.1,
    "phone_slow_after_commit": 0.1,
    "app_slow": 0.2,
    "app_not_done": 0.3,
}

#: (object the limit belongs to, its name, the extremes to choose from).
KNOBS: Final[tuple[tuple[str, str, tuple[Any, ...]], ...]] = (
    ("core", "batch_commands_max", (1, 2)),
    ("core", "commands_pending_max", (35, 50)),
    ("core", "users_cached_max", (1, 2)),
    ("core", "conversations_cached_max", (1, 2)),
    ("core", "tail_entries_max", (1, 2)),
    ("core", "cold_reads_max", (1,)),
    ("core", "lookups_per_read_max", (1,)),
    ("core", "queries_max", (1,)),
    ("core", "silent_positions_max", (1, 3)),
    ("core", "log_positions_max", (3, 10, 40)),
    ("core", "receipts_members_max", (1, 2)),
    ("core", "disk_full_retry_ms", (1, 5000)),
    ("core", "presence_grace_s", (0.1,)),
    ("core", "resumes_burst", (1.0,)),
    ("core", "connects_burst", (1.0,)),
    ("gateway", "read_bytes_max", (33, 200)),
    ("gateway", "accepts_per_turn_max", (1,)),
    ("gateway", "unsent_bytes_pause", (1, 200)),
    ("gateway", "blocked_s_max", (2.0,)),
    ("gateway", "linger_s_max", (0.01,)),
    ("imserver.core.delivery", "_EVENTS_PER_FRAME", (1, 2)),
    ("imserver.core.delivery", "_FRAME_BYTES", (1, 100)),
    ("imserver.core.sessions", "EVENTS_IN_FLIGHT_MAX", (16, 40)),
    ("imserver.core.sessions", "EVENT_BYTES_IN_FLIGHT_MAX", (4000,)),
    ("imserver.core.commit", "_PENDING_PER_SESSION_MAX", (33, 40)),
    ("imserver.storage.sqlite", "TRIM_ROWS", (1, 2)),
    ("imserver.storage.sqlite", "TRIM_USERS", (1,)),
    ("imserver.storage.writing", "CHECKPOINT_ROWS", (1,)),
    ("imserver.storage.journal", "WRITES_MAX", (0, 3)),
    ("imsdk.session", "ACK_AFTER", (1, 2)),
    ("imsdk.session", "ACK_DELAY_S", (0.001, 8.0)),
    ("imsdk.link", "READ_BYTES", (33, 200)),
    ("imsdk.streams", "CHUNK", (1,)),
    ("imsdk.keepalive", "SUSPICIOUS_S", (0.5,)),
    ("imsdk.resync", "limits", (SimpleNamespace(PAGE_MAX=1), SimpleNamespace(PAGE_MAX=4))),
    ("imsdk.resync", "LIST_MAX", (1, 2)),
)

#: What is looked at every half second, or five, would be most of a quiet hour's work: (module, name, seconds
#: in every world, seconds while nothing is going to happen).
_TICKS: Final = (
    ("imserver.gateway.pump", "_TICK_S", 4.0, 60.0),
    ("imserver.core.upkeep", "_TICK_S", 20.0, 60.0),
)

#: What hangs on another constant: a room's copy under its own name, and that a phone must acknowledge half of
#: the window at the latest, or it would wait for the other half each time. As (module, name, divisor).
_FOLLOWERS: Final = {
    ("imserver.core.sessions", "EVENTS_IN_FLIGHT_MAX"): (
        ("imserver.core.delivery", "_EVENTS_IN_FLIGHT", 1),
        ("imsdk.session", "ACK_AFTER", 2),
    ),
    ("imserver.core.sessions", "EVENT_BYTES_IN_FLIGHT_MAX"): (("imsdk.session", "ACK_AFTER_BYTES", 2),),
}


@contextmanager
def replaced(constants: Iterable[tuple[str, str, Any]]) -> Iterator[None]:
    """Replace constants, given as (module, name, value), for a block."""
    before = []
    try:
        for place, name, value in constants:
            module = import_module(place)
            before.append((module, name, getattr(module, name)))
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in reversed(before):
            setattr(module, name, value)


def quiet() -> AbstractContextManager[None]:
    """Ticks are rare for a block. The last one of it may last a minute longer."""
    return replaced((place, name, span_s) for place, name, _, span_s in _TICKS)


@dataclass(slots=True)
class Extremes:
    """The limits of one world, and the constants that are to be replaced."""

    core: dict[str, Any] = field(default_factory=dict)
    gateway: dict[str, Any] = field(default_factory=dict)
    constants: list[tuple[str, str, Any]] = field(default_factory=list)

    def core_limits(self) -> CoreLimits:
        """The core's limits in this world."""
        # In every world a burst that is small must not be slow for minutes as well.
        rates = {"resumes_per_s": 20.0, "connects_per_s": 20.0}
        return CoreLimits(**(rates | self.core))

    def gateway_limits(self) -> GatewayLimits:
        """The gateway's limits in this world."""
        return GatewayLimits(**self.gateway)

    def in_force(self) -> AbstractContextManager[None]:
        """Replace the constants for a block."""
        return replaced(self.constants)


class Buggify:
    """Says at each site whether the rare thing happens now; counts what fired.

    Args:
        rng: its own stream.
        most: False turns everything off, for worlds without faults.
    """

    def __init__(self, rng: Random, *, on: bool = True) -> None:
        self._rng = rng
        self.fired: Counter[str] = Counter()
        self.extremes = Extremes(constants=[(place, name, span_s) for place, name, span_s, _ in _TICKS])
        self.paused = False  #: faults have stopped. Limits stay as they are: they are no faults.
        self._rates: dict[str, float] = {}
        self._always: list[str] = []
        if on:
            self._draw()

    def _draw(self) -> None:
        rng = self._rng
        self._rates = {site: rate for site, rate in SITES.items() if rng.random() < SHARE}
        for owner, name, values in KNOBS:
            if rng.random() >= SHARE:
                continue
            value = rng.choice(values)
            self.fired[f"{owner}.{name}"] += 1
            if owner == "core":
                self.extremes.core[name] = value
            elif owner == "gateway":
                self.extremes.gateway[name] = value
            else:
                self.extremes.constants.append((owner, name, value))
                for place, copy, divisor in _FOLLOWERS.get((owner, name), ()):
                    self.extremes.constants.append((place, copy, value // divisor))

    @contextmanager
    def always(self, site: str) -> Iterator[None]:
        """Whatever was drawn, `site` fires for a block."""
        self._always.append(site)
        try:
            yield
        finally:
            self._always.remove(site)

    def __call__(self, site: str) -> bool:
        """Whether `site` fires now."""
        rate = self._rates.get(site)
        if site not in self._always and (rate is None or self.paused or self._rng.random() >= rate):
            return False
        self.fired[site] += 1
        return True
