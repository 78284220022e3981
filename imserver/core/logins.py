"""Logging in: from a CONNECT's token to a session in the store, many in one transaction.

A transaction waits for the disk once, whatever it holds; one for each login was what a crowd of newcomers
waited for.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from improtocol.codes import Code
from improtocol.frames import Connect
from improtocol.limits import SECRET_BYTES
from imserver.core.clock import Clock
from imserver.core.limits import DAY_MS, CoreLimits
from imserver.core.links import Link
from imserver.core.revoking import BANNED
from imserver.core.tokens import Identity, TokenRefused, TokenVerifier
from imserver.storage.store import Device, Login, Store, StoreFull

Waiting = tuple[Link, Connect]


class Granted(NamedTuple):
    """A login that is stored: the device as the store has it, and the secret of its new session."""

    link: Link
    frame: Connect
    secret: bytes
    device: Device


def hash_secret(secret: bytes) -> bytes:
    """What is stored of a resume secret.

    It is 128 random bits, so a plain hash cannot be reversed by guessing.
    """
    return hashlib.sha256(secret).digest()


class Logins:
    """Grants sessions.

    Args:
        banned: whether a user (app, name) is shut out.
        draw_id, draw_secret: random sources.
        refuse: closes a link with a code, a reason and a retry time in ms.
    """

    def __init__(
        self,
        store: Store,
        tokens: TokenVerifier,
        clock: Clock,
        limits: CoreLimits,
        *,
        banned: Callable[[int, str], bool],
        draw_id: Callable[[], int],
        draw_secret: Callable[[int], bytes],
        refuse: Callable[[Link, Code, str, int], None],
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._limits = limits
        self._banned = banned
        self._draw_id = draw_id
        self._draw_secret = draw_secret
        self._refuse = refuse
        self.disk_full = 0

    async def log_in(self, waiting: Iterable[Waiting], later: deque[Waiting]) -> list[Granted]:
        """Store a session for each of `waiting` whose token allows it; the others are refused.

        Of one device only the first: each login is answered with its own session, so the next go to `later`.
        """
        now_ms = self._clock.now_ms()
        logins: dict[tuple[int, str, str], tuple[Link, Connect, bytes, Login]] = {}
        for link, frame in waiting:
            if link.closing or (identity := self._identify(link, frame)) is None:
                continue
            device = (identity.app.id, identity.user, frame.device)
            if device in logins:
                later.append((link, frame))
                continue
            secret = self._draw_secret(SECRET_BYTES)
            login = Login(
                app=identity.app.id,
                user=identity.user,
                device=frame.device,
                session=self._draw_id(),
                secret_hash=hash_secret(secret),
                now_ms=now_ms,
                expires_ms=now_ms + self._limits.session_days * DAY_MS,
            )
            logins[device] = link, frame, secret, login
        if not logins:
            return []
        try:
            devices = await self._store.log_in([login for *_, login in logins.values()])
        except StoreFull:
            self.disk_full += 1
            for link, *_ in logins.values():
                retry_ms = self._limits.disk_full_retry_ms
                self._refuse(link, Code.DISK_FULL, "the server's disk is full", retry_ms)
            return []
        said = zip(logins.values(), devices, strict=True)
        return [Granted(link, frame, secret, device) for (link, frame, secret, _), device in said]

    def _identify(self, link: Link, frame: Connect) -> Identity | None:
        """Who it is, by its token; None: refused."""
        try:
            identity = self._tokens.verify(frame.token)
        except TokenRefused as refused:
            self._refuse(link, refused.code, refused.reason, 0)
            return None
        # Here is early enough: no ban begins before this login is attached (`Registry.turn`).
        if self._banned(identity.app.id, identity.user):
            self._refuse(link, Code.BANNED, BANNED, 0)
            return None
        return identity
