import re
from dataclasses import fields
from pathlib import Path

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


def test_the_operators_handbook_names_metrics_that_exist() -> None:
    core = CoreStatistics(**{field.name: 0 for field in fields(CoreStatistics)})
    gateway = GatewayStatistics(**{field.name: 0 for field in fields(GatewayStatistics)})
    metrics = ServerMetrics(lambda: core, lambda: gateway).collect()
    known = {sample.name.removeprefix("imserver_") for metric in metrics for sample in metric.samples}
    text = (Path(__file__).parents[2] / "docs" / "operate.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:core|gateway)_\w+)`", text))
    assert len(named) > 10
    assert named <= known
