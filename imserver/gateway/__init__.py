"""gateway: sockets. Listeners, the pump, TCP/TLS and WebSocket framing; nothing of what the frames mean.

- `gateway`    listeners, drain, statistics: the front door
- `pump`       one task on one `poller`; `link`: one connection, an object that is called; `wire`: its socket
- `websocket`  RFC 6455 as a byte pipe; `deadlines`: when to hang up; `wheel`: who is to be looked at when
- `limits`
"""

from imserver.gateway.gateway import Gateway, GatewayStatistics, Listener
from imserver.gateway.limits import GatewayLimits

__all__ = ["Gateway", "GatewayLimits", "GatewayStatistics", "Listener"]
