"""When a connection is hung up, and with which words."""

from contextlib import suppress
from typing import TYPE_CHECKING

from improtocol.codes import Code
from improtocol.frames import Close
from imserver.gateway.limits import GatewayLimits

if TYPE_CHECKING:
    from imserver.gateway.link import SocketLink


def deadline_of(link: "SocketLink", limits: GatewayLimits, now_s: float) -> tuple[float, Close | None]:
    """The deadline of `link` as things stand, and the CLOSE to send then; None: just drop it."""
    since_s = now_s if link.since_s is None else link.since_s
    if link.closing:
        return since_s + limits.linger_s_max, None
    if link.session is None:
        reason = "no session was attached in time"
        return since_s + limits.handshake_s_max, Close(code=Code.SLOW_HANDSHAKE, reason=reason)
    deadline_s = link.heard_s + limits.idle_s_max
    if link.blocked and since_s + limits.blocked_s_max < deadline_s:
        return since_s + limits.blocked_s_max, None
    return deadline_s, Close(code=Code.IDLE_TIMEOUT, reason="nothing was heard for too long")


def cause_of(close: Close) -> str:
    """The word for a connection that ended by `close`, in the churn log: `idle_timeout`, `replaced`, ..."""
    with suppress(ValueError):
        return Code(close.code).name.lower()
    return "closed"
