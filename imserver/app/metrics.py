"""The server's figures for Prometheus. No labels: nothing in them comes from a request."""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from imserver.core import CoreStatistics
from imserver.gateway import GatewayStatistics

_CORE_GAUGES: Final = {
    "sessions": "Sessions in memory, with or without a connection",
    "attached": "Sessions with a connection",
    "users": "Users whose logs are followed in memory",
    "conversations": "Conversations in memory",
    "commands_pending": "Commands received and not committed yet",
    "watermarks": "Delivered and acknowledged marks that wait to be written",
}
_CORE_COUNTERS: Final = {
    "commands": "Commands decided and committed",
    "batches": "Commits; commands divided by batches is the commit's group size",
    "connected": "Logins with a token",
    "resumed": "Sessions resumed",
    "refused": "Logins and resumes refused",
    "cold_reads": "Log ranges read from the store instead of memory",
    "compared": "Logins and resumes whose history was compared by its digest",
    "diverged": "Devices told that their history differs from the log",
    "resyncs": "Devices told that they cannot go on after their cursor, for whatever reason",
    "queries": "Queries answered",
    "disk_full": "Commits, logins and other writes that found the disk full",
}
_GATEWAY_GAUGES: Final = {"connections": "Open connections, those without a session included"}
_GATEWAY_COUNTERS: Final = {
    "accepted": "Connections accepted",
    "bytes_in": "Bytes received",
    "bytes_out": "Bytes sent",
    "protocol_errors": "Connections closed for breaking the protocol",
    "faults": "Connections closed for a fault of this program; each is in the log",
}


class ServerMetrics(Collector):
    """Reads the statistics when it is scraped, so that nothing on the hot path counts twice."""

    def __init__(self, core: Callable[[], CoreStatistics], gateway: Callable[[], GatewayStatistics]) -> None:
        self._core = core
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        """The current figures."""
        core, gateway = self._core(), self._gateway()
        for owner, room, gauges, counters in (
            (core, "core", _CORE_GAUGES, _CORE_COUNTERS),
            (gateway, "gateway", _GATEWAY_GAUGES, _GATEWAY_COUNTERS),
        ):
            for name, text in gauges.items():
                yield GaugeMetricFamily(f"imserver_{room}_{name}", text, value=getattr(owner, name))
            for name, text in counters.items():
                yield CounterMetricFamily(f"imserver_{room}_{name}", text, value=getattr(owner, name))
