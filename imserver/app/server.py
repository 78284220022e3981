"""A whole server: the rooms put together, started, watched and brought down in order."""

import math
import ssl
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from socket import socket
from typing import Final

import structlog
import trio
from prometheus_client import CollectorRegistry

from imserver.app.admin import Admin
from imserver.app.backends import Backends
from imserver.app.bound import Bound
from imserver.app.choosing import DEFAULT_APP
from imserver.app.churn_log import open_churn_log
from imserver.app.control import serve_control
from imserver.app.disk_watch import DiskWatch
from imserver.app.errors import CannotServe
from imserver.app.failstop import FailStop
from imserver.app.media_desk import Desk
from imserver.app.media_house import HouseMedia
from imserver.app.metrics import ServerMetrics
from imserver.app.open_files import OPERATIONS_CONNECTIONS_MAX, bound_connections
from imserver.app.quotas import Quotas
from imserver.app.reader import Reader
from imserver.app.store_guard import StoreGuard
from imserver.app.ticket_keys import load_ticket_keys
from imserver.app.tls import server_context
from imserver.config import Address, Config
from imserver.core import NOBODY, Clock, Core, SystemClock, TokenVerifier
from imserver.gateway import Gateway, Listener
from imserver.http import Health, Tls, create_app, create_operations_app, serve
from imserver.http.server import bind
from imserver.media import MediaBroken, Signer
from imserver.version import VERSION

_SWEEP_S: Final = 3600.0
#: The goodbyes are spread over `drain_s`; so long after it whatever still goes on is cut.
_DRAIN_GRACE_S: Final = 4.0

log = structlog.get_logger()


class Server:
    """One server over opened backends.

    Args:
        config: the settings.
        backends: opened, and locked where they can be.
        fail: called when nothing more may be acknowledged (G7); ends the process.
        clock: wall time.
    """

    def __init__(
        self, config: Config, backends: Backends, *, fail: FailStop, clock: Clock | None = None
    ) -> None:
        self._config = config
        self._fail = fail
        self._stop = trio.Event()
        self._http_stop = trio.Event()
        self._status = "starting"
        clock = clock or SystemClock()
        self._store = store = backends.store
        self._guard = StoreGuard()
        self._quotas = Quotas()
        chat_tls = [self._tls_context(address) for address in config.chat_addresses]
        for address in filter(None, [config.http_address, config.operations_address]):
            self._tls_context(address)  # only to say what is wrong with the files
        signer = Signer(load_ticket_keys(config.data_dir), clock.now_ms)
        self._churn = open_churn_log(config.churn_log)
        # Last of what can fail; `run` closes them. The desk must know the real port.
        self._listeners = _bind_all([config.http_address, config.operations_address])
        self._http_url = _url(config.http_address, self._listeners[0])
        self.media = HouseMedia(
            store=store,
            guard=self._guard,
            blobs=backends.blobs,
            signer=signer,
            clock_ms=clock.now_ms,
            app_bytes_max=self._quotas.bytes_max,
            limits=config.media,
        )
        public_url = config.http_public_url or self._http_url
        self._core = Core(
            store,
            TokenVerifier(),
            clock=clock,
            limits=config.core,
            media=Desk(self.media, store, self._quotas, clock, public_url),
            idle_s=config.gateway.idle_s_max,
            churn=self._churn or NOBODY,
        )
        self._disk = DiskWatch(self._core.statistics)
        self._bounds = bound_connections(config.gateway)
        self._gateway = Gateway(
            self._core,
            [Listener(url=url, ssl_context=tls) for url, tls in zip(config.listen, chat_tls, strict=True)],
            limits=self._bounds.gateway,
        )
        self._registry = CollectorRegistry()
        self._registry.register(ServerMetrics(self._core.statistics, self._gateway.statistics))
        self._admin = Admin(
            store,
            self._core,
            clock=clock,
            media_quota_bytes=config.media_quota_bytes,
            changed=self._reload,
        )

    def stop(self) -> None:
        """Begin the drain; `run` returns when it is over. May be called again."""
        self._stop.set()

    async def run(self, *, task_status: trio.TaskStatus[Bound] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until `stop`; started once every listener accepts.

        Raises:
            CannotServe: an address is taken, or something else stands in the way of starting.
        """
        try:
            await self._run(task_status)
        finally:
            for listener in self._listeners:
                listener.close()
            if self._churn is not None:
                self._churn.close()

    async def _run(self, task_status: trio.TaskStatus[Bound]) -> None:
        await self._reload()
        await self.media.recover()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._vital, "core", self._core.run)
            listening: list[str] = await nursery.start(self._vital, "gateway", self._gateway.run)
            async with trio.open_nursery() as http:
                operations = await self._start_http(http)
                await nursery.start(
                    self._vital, "control", partial(serve_control, self._config.data_dir, self._admin)
                )
                nursery.start_soon(self._vital, "media", self._sweep)
                nursery.start_soon(self._disk.run)
                if self._churn is not None:
                    nursery.start_soon(self._churn.run)
                # Last, so that a start that fails over a taken port does not use up the welcome of the first.
                new_app = DEFAULT_APP if await self._admin.ensure_default_app() else None
                nursery.start_soon(self._watch, "media", self.media.wait_broken)
                nursery.start_soon(self._watch, "store", self._guard.wait_broken)
                self._status = "ok"
                task_status.started(
                    Bound(
                        data_dir=self._config.data_dir,
                        listen=tuple(listening),
                        http=self._http_url,
                        operations=operations,
                        new_app=new_app,
                    )
                )
                await self._stop.wait()
                http.cancel_scope.deadline = trio.current_time() + self._config.drain_s + _DRAIN_GRACE_S
                await self._drain()
            nursery.cancel_scope.cancel()

    # Starting --------------------------------------------------------------------------------------

    def _tls_context(self, address: Address) -> ssl.SSLContext | None:
        if not address.encrypted:
            return None
        assert self._config.tls_certificate is not None
        assert self._config.tls_key is not None
        return server_context(self._config.tls_certificate, self._config.tls_key, address.scheme)

    async def _start_http(self, nursery: trio.Nursery) -> str | None:
        """Start the HTTP listeners; returns where health and metrics are."""
        config = self._config
        # Beside the media only where strangers cannot come: metrics are the shop's business. A public URL for
        # a listener on loopback means a proxy on this machine, whose requests are anybody's.
        beside = (
            config.operations_address is None and config.http_address.loopback and not config.http_public_url
        )
        app = create_app(
            media=self.media,
            authorizer=Reader(self._core, self._guard),
            registry=self._registry,
            health=self.health if beside else None,
        )
        services = [(app, config.http_address, self._bounds.http)]
        operations = self._http_url if beside else None
        if config.operations_address is not None:
            operations = _url(config.operations_address, self._listeners[1])
            small = create_operations_app(registry=self._registry, health=self.health)
            services.append((small, config.operations_address, OPERATIONS_CONNECTIONS_MAX))
        for (service, address, most), listener in zip(services, self._listeners, strict=True):
            tls = None
            if address.encrypted and config.tls_certificate and config.tls_key:
                tls = Tls(certificate=config.tls_certificate, key=config.tls_key)
            run = partial(
                serve,
                service,
                listener,
                tls=tls,
                connections_max=most,
                shutdown_trigger=self._http_stop.wait,
                grace_s=math.inf,  # the drain has a deadline of its own
            )
            await nursery.start(self._vital, "http", run)
        return operations

    async def _reload(self) -> None:
        await self._core.reload_keys()
        self._quotas.replace(await self._store.apps())

    def health(self) -> Health:
        """Whether to send clients here."""
        figures = self._gateway.statistics()
        return Health(
            ok=self._status == "ok",
            status=self._status,
            # Not unhealthy: reads, resumes and deliveries go on, and another server would have no more room.
            details={
                "version": VERSION,
                "connections": figures.connections,
                "disk_full": self._disk.look(),
            },
        )

    # Watching --------------------------------------------------------------------------------------

    async def _vital(
        self,
        name: str,
        run: Callable[..., Awaitable[object]],
        *,
        task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run a part that the server cannot live without: once started, its failure ends the server."""
        try:
            await (run(task_status=task_status) if name != "media" else run())
        except (OSError, CannotServe) as error:
            if self._status != "starting":
                self._fail(error, part=name)
            raise CannotServe(str(error.strerror if isinstance(error, OSError) else error)) from None
        except Exception as error:  # noqa: BLE001 - whatever it is, no further ack (G7)
            self._fail(error, part=name)

    async def _watch(self, name: str, broken: Callable[[], Awaitable[Exception]]) -> None:
        self._fail(await broken(), part=name)

    async def _sweep(self) -> None:
        while True:
            await trio.sleep(_SWEEP_S)
            try:
                swept = await self.media.sweep()
            except MediaBroken:
                raise
            except Exception as error:  # nothing is harmed by sweeping later
                log.warning("sweep_put_off", exc_info=error)
                continue
            if swept:
                log.info("uploads_swept", uploads=swept)

    # Ending ----------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Stop accepting, finish what was received, send everybody away.

        HTTP goes last: until then `/healthz` says that nobody is to be sent here, and what is uploaded or
        downloaded may end. The caller bounds the time of both.
        """
        self._status = "draining"
        figures = self._gateway.statistics()
        log.info("draining", connections=figures.connections, within_s=self._config.drain_s)
        await self._gateway.drain(within_s=self._config.drain_s if figures.connections else 0)
        self._http_stop.set()


def _bind_all(addresses: Iterable[Address | None]) -> list[socket]:
    """All of them, or none and `CannotServe`; None among the addresses is left out."""
    bound: list[socket] = []
    for address in addresses:
        if address is None:
            continue
        try:
            bound.append(bind(address.host, address.port))
        except OSError as error:
            for listener in bound:
                listener.close()
            raise CannotServe(f"cannot listen on {address}: {error.strerror or error}") from None
    return bound


def _url(address: Address, listener: socket) -> str:
    return str(address.at_port(listener.getsockname()[1]))
