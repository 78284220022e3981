"""Puts the endpoints together."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ExceptionHandler

from imserver.http.authorizer import Authorizer
from imserver.http.downloads import Downloads
from imserver.http.errors import BadRequest, on_bad_request, on_http_exception, on_media_error
from imserver.http.metrics import HttpMetrics
from imserver.http.operations import Health, operations_routes
from imserver.http.tus import TusUploads
from imserver.http.unread import UnreadBody
from imserver.media import MediaError, MediaService

#: Longer than any radio's handover, shorter than a phone's patience.
BODY_IDLE_S_MAX: Final = 60


def create_app(
    *,
    media: MediaService,
    authorizer: Authorizer,
    registry: CollectorRegistry,
    health: Callable[[], Health] | None = None,
    body_idle_s_max: float = BODY_IDLE_S_MAX,
) -> Starlette:
    """The application for the listener that clients reach.

    Args:
        media: the media room; `recover()` has been awaited.
        authorizer: asked at every read and all along an upload.
        registry: gets this room's metrics.
        health: if given, `/healthz` and `/metrics` are served here too. Leave it out where strangers can
            reach the listener, and serve `create_operations_app` on another one.
        body_idle_s_max: an upload that brings next to nothing for so long is cut; what arrived is kept.
    """
    metrics = HttpMetrics(registry, media)
    routes = [
        *TusUploads(media, authorizer, metrics, body_idle_s_max).routes(),
        *Downloads(media, authorizer, metrics).routes(),
    ]
    if health is not None:
        routes += operations_routes(health, registry)
    return _application(routes)


def create_operations_app(*, registry: CollectorRegistry, health: Callable[[], Health]) -> Starlette:
    """Only `/healthz` and `/metrics`, for a listener that operators reach."""
    return _application(operations_routes(health, registry))


def _application(routes: list[Route]) -> Starlette:
    handlers: dict[int | type[Exception], ExceptionHandler] = {
        MediaError: on_media_error,
        BadRequest: on_bad_request,
        HTTPException: on_http_exception,
    }
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(UnreadBody)])
