"""gateway: sockets. Listeners, the pump, TCP/TLS and WebSocket framing; nothing of what the frames mean.

- `gateway`    listeners, drain, statistics: the front door
- `pump`       one task on one selector; `link`: one connection, an object that is called
- `websocket`  RFC 6455 as a byte pipe; `wheel`: deadlines
- `limits`
"""

from imserver.gateway.gateway import Gateway, GatewayStatistics, Listener
from imserver.gateway.limits import GatewayLimits

__all__ = ["Gateway", "GatewayLimits", "GatewayStatistics", "Listener"]
