"""Divides the files that the system lets us open: each connection is one, and disk work must find some."""

import resource
from dataclasses import dataclass, replace
from typing import Final

import structlog

from imserver.gateway import GatewayLimits
from imserver.http.connections import CONNECTIONS_MAX as HTTP_CONNECTIONS_MAX

#: The database with its journal, eight media threads, images being looked into, listeners, logs, control.
_RESERVED_FILES: Final = 128
OPERATIONS_CONNECTIONS_MAX: Final = 64
#: Media get at most this part of what is left.
_HTTP_PART: Final = 8
#: With so many connections a bound that only the default exceeds is not worth a warning.
_MANY: Final = 10_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionBounds:
    """What each listener may hold. `gateway`: its limits, with no more connections than there are files."""

    gateway: GatewayLimits
    http: int


def bound_connections(gateway: GatewayLimits) -> ConnectionBounds:
    """Bound the connections by the open files that this process may have now; say so if that is few."""
    files_max, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files_max == resource.RLIM_INFINITY:
        return ConnectionBounds(gateway=gateway, http=HTTP_CONNECTIONS_MAX)
    left = max(2, files_max - _RESERVED_FILES - OPERATIONS_CONNECTIONS_MAX)
    http = min(HTTP_CONNECTIONS_MAX, max(1, left // _HTTP_PART))
    chat = min(gateway.connections_max, left - http)
    asked = gateway.connections_max != GatewayLimits().connections_max
    if chat < gateway.connections_max and (asked or chat < _MANY):
        log.warning(
            "few_files",
            files_max=files_max,
            connections_max=chat,
            wanted=gateway.connections_max,
            do="raise the limit of open files (LimitNOFILE, ulimit -n) or lower gateway.connections_max",
        )
    return ConnectionBounds(gateway=replace(gateway, connections_max=chat), http=http)
