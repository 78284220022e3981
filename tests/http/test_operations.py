"""Health and metrics."""

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from imserver.http import Health, create_app, create_operations_app
from tests.http.house import House


async def test_healthz_follows_the_callable(house: House, client: httpx.AsyncClient) -> None:
    ok = await client.get("/healthz")
    assert (ok.status_code, ok.json()) == (200, {"status": "ok"})
    house.health = Health(ok=False, status="draining", details={"connections": 3})
    draining = await client.get("/healthz")
    assert (draining.status_code, draining.json()) == (503, {"status": "draining", "connections": 3})
    assert draining.headers["Cache-Control"] == "no-store"


async def test_metrics_are_the_registrys(house: House, client: httpx.AsyncClient) -> None:
    Counter("shop_visits", "test", registry=house.registry).inc(7)
    response = await client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    assert "shop_visits_total 7.0" in response.text
    assert "imserver_media_uploads_active 0.0" in response.text


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
async def test_operations_can_be_kept_off_the_public_listener(house: House, path: str) -> None:
    public = create_app(media=house.room.media, authorizer=house.members, registry=CollectorRegistry())
    private = create_operations_app(registry=CollectorRegistry(), health=lambda: house.health)
    for app, status in ((public, 404), (private, 200)):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://im.test"
        ) as client:
            assert (await client.get(path)).status_code == status
