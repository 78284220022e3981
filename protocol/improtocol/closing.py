"""How a protocol error is said to the peer."""

from improtocol import limits
from improtocol.codes import Code
from improtocol.errors import LocalProtocolError, RemoteProtocolError
from improtocol.frames import Close


def close_for(error: RemoteProtocolError | LocalProtocolError) -> Close:
    """The CLOSE that answers a protocol error. Never raises: what the reason must not hold is replaced."""
    reason = error.reason[: limits.REASON_BYTES_MAX // 4].replace("\0", "?")
    return Close(code=Code(error.code), reason=reason.encode("utf-8", "replace").decode())
