"""Connections leave files for the disk work, and an operator hears when they are few."""

import resource

import pytest
import structlog.testing

from imserver.app.open_files import ConnectionBounds, bound_connections
from imserver.gateway import GatewayLimits


def bounds(
    monkeypatch: pytest.MonkeyPatch, files_max: int, limits: GatewayLimits
) -> tuple[ConnectionBounds, list[str]]:
    """The bounds under this limit of open files, and the events that were logged."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files_max, files_max))
    with structlog.testing.capture_logs() as events:
        return bound_connections(limits), [event["event"] for event in events]


@pytest.mark.parametrize("files_max", [256, 1024, 4096, 20_000, 110_000])
def test_all_connections_together_leave_files_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, files_max: int
) -> None:
    found, _ = bounds(monkeypatch, files_max, GatewayLimits())
    assert found.gateway.connections_max + found.http + 64 <= files_max - 128
    assert found.gateway.connections_max >= 2 * found.http > 0


@pytest.mark.parametrize("files_max", [1_048_576, resource.RLIM_INFINITY])
def test_with_many_files_the_settings_hold(monkeypatch: pytest.MonkeyPatch, files_max: int) -> None:
    found, events = bounds(monkeypatch, files_max, GatewayLimits())
    assert found == ConnectionBounds(gateway=GatewayLimits(), http=4096)
    assert events == []


def test_few_files_are_said_and_so_is_any_setting_that_cannot_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert bounds(monkeypatch, 1024, GatewayLimits())[1] == ["few_files"]
    assert bounds(monkeypatch, 20_000, GatewayLimits())[1] == []
    assert bounds(monkeypatch, 20_000, GatewayLimits(connections_max=50_000))[1] == ["few_files"]
    assert bounds(monkeypatch, 1024, GatewayLimits(connections_max=100))[1] == []
