from dataclasses import fields

from prometheus_client import CollectorRegistry, generate_latest

from imserver.app.metrics import ServerMetrics
from imserver.core import CoreStatistics
from imserver.gateway import GatewayStatistics


def test_every_statistic_of_core_and_gateway_is_scraped_with_its_value() -> None:
    """Adding a statistic without a metric fails here."""
    core = CoreStatistics(**{field.name: 1000 + n for n, field in enumerate(fields(CoreStatistics))})
    gateway = GatewayStatistics(**{field.name: 2000 + n for n, field in enumerate(fields(GatewayStatistics))})
    registry = CollectorRegistry()
    registry.register(ServerMetrics(lambda: core, lambda: gateway))
    lines = generate_latest(registry).decode().splitlines()
    values = {line.split()[1] for line in lines if not line.startswith("#")}
    for owner in (core, gateway):
        for field in fields(owner):
            assert f"{getattr(owner, field.name)}.0" in values, f"{field.name} has no metric"
