"""Codes in ranges that tell the receiver what to do next: the hundreds digit is the action.

The idea of actionable ranges is Centrifuge's (centrifugal/centrifuge, `disconnect.go` and `errors.go`).
"""

from enum import IntEnum


class Action(IntEnum):
    """What a code asks the client to do."""

    NONE = 0
    RETRY_NOW = 1  #: reconnect within 0-1 s (full jitter)
    RETRY_AFTER = 2  #: reconnect, or send the refused command again, after `retry_after_ms` plus jitter
    REAUTHENTICATE = 3  #: fetch a new token, then CONNECT; the device's streams go on where they were
    STOP = 4  #: do not reconnect by yourself; tell the app
    REFUSED = 5  #: this one command or query is refused for good; the connection lives on


class Code(IntEnum):
    """Why a connection was closed (100-499), or a command or query was not carried out (200-299, 500-599)."""

    OK = 0  #: carried out

    IDLE_TIMEOUT = 100  #: nothing was heard from the peer for too long
    SLOW_HANDSHAKE = 101  #: no session was attached in time
    SLOW_CONSUMER = 102  #: the peer stopped reading
    BYE = 103  #: an orderly end by the peer's own wish

    DRAINING = 200  #: the server is shutting down or being replaced
    OVERLOADED = 201  #: admission control refused
    DISK_FULL = 202  #: nothing can be stored at the moment; reads go on
    RATE_LIMITED = 203  #: this principal asks too often
    OUT_OF_TURN = 204  #: a counter beyond the next, or RESTORED and no SEEK yet: go back to the first unacked
    UNAVAILABLE = 205  #: a part the server needs does not answer

    TOKEN_INVALID = 300  #: the token is not one of this shop's
    TOKEN_EXPIRED = 301  #: the token's time is over
    SESSION_UNKNOWN = 302  #: no such session, or a wrong secret: both look the same on purpose
    SESSION_EXPIRED = 303  #: the session was not used for too long
    SESSION_ENDED = 304  #: logged out, or revoked by the shop

    REPLACED = 400  #: a newer connection of this session took over
    PROTOCOL_ERROR = 401  #: a frame broke the protocol; the reason says which and how
    FRAME_TOO_LARGE = 402  #: a frame was announced larger than is allowed here
    VERSION_UNSUPPORTED = 403  #: this server does not speak the client's version
    BANNED = 404  #: the shop has shut this user out

    INVALID = 500  #: the content or an argument breaks a rule; the reason names it
    NOT_FOUND = 501  #: not there, or not yours: the answer is identical
    FORBIDDEN = 502  #: you are a member, but your role does not allow it
    CONFLICT = 503  #: the same counter or id with another payload, or an INVITE that adds nobody
    TOO_LARGE = 504  #: the body or the file is larger than is allowed
    QUOTA = 505  #: the shop's storage is used up
    LIMIT = 506  #: a count is at its limit (members, conversations, ...)

    @property
    def action(self) -> Action:
        """What the client does next."""
        return Action(self // 100)


def action_of(code: int) -> Action:
    """The action for any code, also one this version does not know: the range says it.

    Returns `Action.RETRY_AFTER` for ranges that a later version may add, the choice that loses nothing.
    """
    try:
        return Action(code // 100)
    except ValueError:
        return Action.RETRY_AFTER
