"""The frames that attach a connection to a session, and RESYNC, which may follow them."""

from dataclasses import dataclass, field

from improtocol import limits
from improtocol.checks import check_bytes, check_int, check_name, check_text
from improtocol.digest import DIGEST_MAX
from improtocol.opcodes import ClientMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Prove who you are with a token; creates or re-creates the session of (app, user, device).

    `epoch` and `cursor` tell what the device's store already has (0, 0: nothing); `digest` and `span` prove
    it as in `Resume`.
    """

    token: str = field(repr=False)
    device: str
    epoch: int = 0
    cursor: int = 0
    mode: int = ClientMode.FOREGROUND
    digest: int | None = None
    span: int = 0
    version: int = limits.PROTOCOL_VERSION

    def __post_init__(self) -> None:
        check_int("version", self.version, 1)
        check_text("token", self.token, limits.TOKEN_BYTES_MAX)
        check_name("device", self.device, limits.DEVICE_BYTES_MAX)
        check_int("epoch", self.epoch)
        check_int("cursor", self.cursor)
        check_int("mode", self.mode, 0, 1)
        _check_proof(self.digest, self.span, self.cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The session is there. `accepted` is the device's last accepted counter, which outlives sessions.

    `resync` as in `Resumed`.
    """

    session: int
    secret: bytes = field(repr=False)  # whoever has it is the user; nothing shows it
    epoch: int
    accepted: int
    head: int
    behind_events: int = 0
    behind_bytes: int = 0
    idle_s: int = limits.IDLE_S_MAX
    user: str = ""
    resync: int = 0

    def __post_init__(self) -> None:
        check_int("session", self.session, 1)
        check_bytes("secret", self.secret, limits.SECRET_BYTES, limits.SECRET_BYTES)
        check_int("epoch", self.epoch, 1)
        check_int("accepted", self.accepted)
        check_int("head", self.head)
        check_int("behind_events", self.behind_events)
        check_int("behind_bytes", self.behind_bytes)
        check_int("idle_s", self.idle_s, 1)
        check_text("user", self.user, limits.USER_BYTES_MAX, empty=True)
        check_int("resync", self.resync, 0, 127)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Go on with a session.

    `cursor` is the last log position committed, `next` the counter of the first command to follow. `digest`
    is the sum of the terms of what the device was sent of the last `span` positions up to `cursor`
    (`improtocol.digest`); None: not to be compared.
    """

    session: int
    secret: bytes = field(repr=False)  # whoever has it is the user; nothing shows it
    epoch: int
    cursor: int
    next: int
    mode: int = ClientMode.FOREGROUND
    digest: int | None = None
    span: int = 0

    def __post_init__(self) -> None:
        check_int("session", self.session, 1)
        check_bytes("secret", self.secret, limits.SECRET_BYTES, limits.SECRET_BYTES)
        check_int("epoch", self.epoch, 1)
        check_int("cursor", self.cursor)
        check_int("next", self.next, 1)
        check_int("mode", self.mode, 0, 1)
        _check_proof(self.digest, self.span, self.cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The session goes on; what was missed follows: at most `behind_events`, about `behind_bytes` bytes.

    `head` 0: it is the cursor, nothing was missed. `resync` is the reason of the RESYNC that follows; 0: none
    does, and what the client's digest stood for is equal.
    """

    accepted: int
    head: int = 0
    behind_events: int = 0
    behind_bytes: int = 0
    resync: int = 0

    def __post_init__(self) -> None:
        check_int("accepted", self.accepted)
        check_int("head", self.head)
        check_int("behind_events", self.behind_events)
        check_int("behind_bytes", self.behind_bytes)
        check_int("resync", self.resync, 0, 127)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """The range after the client's cursor cannot be given. Take a snapshot by queries, then SEEK to `head`.

    `oldest` is the first position still there. After RESTORED, commands are refused until the SEEK. After
    DIVERGED the histories differ first somewhere after position `verified`.
    """

    reason: int
    oldest: int
    head: int
    epoch: int
    verified: int = 0

    def __post_init__(self) -> None:
        check_int("reason", self.reason, 1, 127)
        check_int("verified", self.verified)
        check_int("oldest", self.oldest)
        check_int("head", self.head)
        check_int("epoch", self.epoch, 1)


def _check_proof(digest: int | None, span: int, cursor: int) -> None:
    if digest is not None:
        check_int("digest", digest, 0, DIGEST_MAX)
    check_int("span", span, 0, min(cursor, limits.DIGEST_SPAN_MAX))
