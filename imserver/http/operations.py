"""Health and metrics, for the operator's machines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether to send clients here. `status` is one word for people, such as ok, draining or broken."""

    ok: bool
    status: str
    details: Mapping[str, str | int | float | bool] = field(default_factory=dict)


def operations_routes(health: Callable[[], Health], registry: CollectorRegistry) -> list[Route]:
    """`GET /healthz`: 200 or 503 with JSON. `GET /metrics`: Prometheus text."""

    async def healthz(_request: Request) -> Response:
        now = health()
        answer = {"status": now.status, **now.details}
        return JSONResponse(answer, 200 if now.ok else 503, {"Cache-Control": "no-store"})

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/metrics", metrics)]
