"""Attaching: from CONNECT or RESUME to a session that hears the doorbell.

A resume of a session in memory is answered at once, without a task or a read. Others are looked up
together, many in one read, which is what makes a storm after a restart cheap. Tokens are checked on CONNECT
only.
"""

import hmac
from collections import deque
from collections.abc import Callable
from typing import Final

import trio

from improtocol.codes import Code
from improtocol.frames import Close, Connect, Connected, Resume, Resumed, ResyncReason
from improtocol.limits import RETRY_AFTER_MS_MAX, SECRET_BYTES
from improtocol.trusted import trusted
from imserver.core.admission import TokenBucket
from imserver.core.clock import Clock
from imserver.core.delivery import Delivery
from imserver.core.limits import CoreLimits
from imserver.core.links import FlushList, Link
from imserver.core.logins import Logins, hash_secret
from imserver.core.proofs import Proofs
from imserver.core.registry import Registry
from imserver.core.revoking import BANNED
from imserver.core.sessions import Session
from imserver.core.tokens import TokenVerifier
from imserver.storage.store import Store

ENDED: Final = "this session was ended; connect with a token"

_trusted_resumed: Final = trusted(Resumed)


class Attacher:
    """Answers CONNECT and RESUME.

    Args:
        attached: called when a session was attached to its link, before anything is sent.
        attached_count: tells how many sessions have a connection.
        draw_id, draw_secret: random sources.
        banned: whether a user (app, name) is shut out.
        idle_s: the silence after which the gateway hangs up, told to the client.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        delivery: Delivery,
        tokens: TokenVerifier,
        links: FlushList,
        clock: Clock,
        limits: CoreLimits,
        *,
        attached: Callable[[Session, Link, Connect | Resume], None],
        attached_count: Callable[[], int],
        banned: Callable[[int, str], bool],
        draw_id: Callable[[], int],
        draw_secret: Callable[[int], bytes],
        idle_s: int,
    ) -> None:
        self._store = store
        self._registry = registry
        self._delivery = delivery
        self._links = links
        self._clock = clock
        self._limits = limits
        self._attached = attached
        self._attached_count = attached_count
        self._banned = banned
        self._idle_s = idle_s
        self._resumes_waiting: deque[tuple[Link, Resume]] = deque()
        self._connects_waiting: deque[tuple[Link, Connect]] = deque()
        self._arrived = trio.Event()
        self._connects = TokenBucket(limits.connects_per_s, limits.connects_burst)
        self._resumes = TokenBucket(limits.resumes_per_s, limits.resumes_burst)
        self._proofs = Proofs(store)
        self.logins = Logins(
            store,
            tokens,
            clock,
            limits,
            banned=banned,
            draw_id=draw_id,
            draw_secret=draw_secret,
            refuse=self._refuse,
        )
        self.compared = 0
        self.connected = 0
        self.resumed = 0
        self.refused = 0

    def hello(self, link: Link, frame: Connect | Resume) -> None:
        """Answer `frame` now, or as soon as its session was looked up; the answer may be a CLOSE."""
        bucket = self._resumes if isinstance(frame, Resume) else self._connects
        retry_after_s = bucket.take(trio.current_time())
        if retry_after_s > 0:
            self._refuse(link, Code.OVERLOADED, "too many connections at once", int(retry_after_s * 1000) + 1)
            return
        if isinstance(frame, Resume):
            session = self._registry.get(frame.session)
            if session is not None and session.user.ready and self._proofs.at_hand(session, frame):
                self._resume(session, link, frame, {})
                return
            self._resumes_waiting.append((link, frame))
        else:
            self._connects_waiting.append((link, frame))
        self._arrived.set()

    async def run(self) -> None:
        """Look up the sessions that are not in memory, until cancelled."""
        resumes, connects = self._resumes_waiting, self._connects_waiting
        while True:
            if resumes or connects:
                async with self._registry.turn:
                    await self._take_turn()
            else:
                self._arrived = trio.Event()
                await self._arrived.wait()
                continue
            self._links.flush()
            # Here, where nobody is admitted and not yet attached.
            self._registry.shrink(self._delivery, self._attached_count())

    async def _take_turn(self) -> None:
        resumes, connects = self._resumes_waiting, self._connects_waiting
        if resumes:  # first: they are cheaper
            count = min(len(resumes), self._limits.lookups_per_read_max)
            await self._look_up([resumes.popleft() for _ in range(count)])
        else:
            count = min(len(connects), self._limits.logins_per_commit_max)
            await self._connect([connects.popleft() for _ in range(count)])

    # Resume ----------------------------------------------------------------------------------------

    async def _look_up(self, resumes: list[tuple[Link, Resume]]) -> None:
        missing = {frame.session for _, frame in resumes if self._registry.get(frame.session) is None}
        devices = await self._store.devices(list(missing)) if missing else {}
        sessions = {id: self._registry.admit(device, self._delivery) for id, device in devices.items()}
        unread = {s.user.id for s in sessions.values() if not s.user.ready}
        unread |= {s.user.id for _, f in resumes if (s := self._registry.get(f.session)) and not s.user.ready}
        await self._load_heads(list(unread))
        asked = [(s, f) for _, f in resumes if (s := self._registry.get(f.session)) and _is_of(f, s)]
        sums = await self._proofs.read(asked)
        for link, frame in resumes:
            session = self._registry.get(frame.session)
            if session is None:
                self._refuse(link, Code.SESSION_UNKNOWN, "this session is not known; connect with a token")
            else:
                self._resume(session, link, frame, sums)

    async def _load_heads(self, users: list[int]) -> None:
        if users:
            for id, head in (await self._store.log_heads(users)).items():
                user = self._delivery.user(id)
                if user is not None:
                    user.load(head)

    def _resume(self, session: Session, link: Link, frame: Resume, sums: dict[int, int]) -> None:
        if link.closing:
            return  # it went while it waited: it must not take the session away from a living one
        # One answer for "no such session" and "wrong secret": nobody learns which ids are in use.
        if not _is_of(frame, session):
            self._refuse(link, Code.SESSION_UNKNOWN, "this session is not known; connect with a token")
            return
        if self._banned(session.user.app, session.user.name):
            self._refuse(link, Code.BANNED, BANNED)
            return
        if session.ended:
            self._refuse(link, Code.SESSION_ENDED, ENDED)
            return
        if session.expires_ms <= self._clock.now_ms():
            self._refuse(link, Code.SESSION_EXPIRED, "this session has expired; connect with a token")
            return
        self.resumed += 1
        self._attach(session, link, frame)
        reason = self._reason(session, frame, sums)
        behind_events, behind_bytes = self._behind(session, frame.epoch, frame.cursor)
        head = session.user.head
        quoted = 0 if head == frame.cursor else head
        link.send(_trusted_resumed(session.accepted, quoted, behind_events, behind_bytes, reason))
        self._follow(session, link, frame, reason)

    # Connect ---------------------------------------------------------------------------------------

    async def _connect(self, waiting: list[tuple[Link, Connect]]) -> None:
        granted = await self.logins.log_in(waiting, self._connects_waiting)
        sessions = [self._registry.admit(one.device, self._delivery) for one in granted]
        await self._load_heads(list({s.user.id for s in sessions if not s.user.ready}))
        hellos = list(zip(sessions, granted, strict=True))
        sums = await self._proofs.read([(session, one.frame) for session, one in hellos])
        for session, one in hellos:
            if one.link.closing:
                continue  # the session stays without a connection; the device logs in again
            if session.ended:  # by a logout that was on its way and became durable after the login
                self._refuse(one.link, Code.SESSION_ENDED, ENDED)
                continue
            self._let_in(session, one.link, one.frame, one.secret, sums)

    def _let_in(
        self, session: Session, link: Link, frame: Connect, secret: bytes, sums: dict[int, int]
    ) -> None:
        self.connected += 1
        self._attach(session, link, frame)
        resync = self._reason(session, frame, sums)
        behind_events, behind_bytes = self._behind(session, frame.epoch or self._store.epoch, frame.cursor)
        connected = Connected(
            session=session.id,
            secret=secret,
            epoch=self._store.epoch,
            accepted=session.accepted,
            head=session.user.head,
            behind_events=behind_events,
            behind_bytes=behind_bytes,
            idle_s=self._idle_s,
            user=session.user.name,
            resync=resync,
        )
        link.send(connected)
        self._follow(session, link, frame, resync)

    # Both ------------------------------------------------------------------------------------------

    def _attach(self, session: Session, link: Link, frame: Connect | Resume) -> None:
        older = session.link
        if older is not None and older is not link:
            # Fenced: none of its later bytes count.
            older.close(Close(code=Code.REPLACED, reason="a newer connection of this session took over"))
            older.flush()
        session.link = link
        session.unanswered = 0
        session.mode = frame.mode
        session.resyncing = 0
        self._attached(session, link, frame)

    def _behind(self, session: Session, epoch: int, cursor: int) -> tuple[int, int]:
        """At most so many entries, and about so many bytes, follow.

        Entries in memory are counted, older ones estimated.
        """
        user = session.user
        events = user.head - cursor
        if events <= 0 or epoch != self._store.epoch:
            return 0, 0
        if cursor >= user.tail_after:
            return events, user.bytes_after(cursor)
        # The log's own average is near enough for a client to choose by, and costs no read.
        return events, events * user.bytes_total // user.head

    def _reason(self, session: Session, frame: Connect | Resume, sums: dict[int, int]) -> int:
        self.compared += frame.digest is not None
        return self._proofs.reason(session, frame, sums)

    def _follow(self, session: Session, link: Link, frame: Connect | Resume, reason: int) -> None:
        """Start the event stream after the cursor, or say why it cannot be (G5, G13)."""
        link.attached()
        # A cursor of another epoch says nothing of this log; it must not be kept as acknowledged.
        foreign = reason in (ResyncReason.RESTORED, ResyncReason.FUTURE)
        session.seek(0 if foreign else frame.cursor, quoted=session.user.head)
        if reason:
            verified = frame.cursor - frame.span if reason == ResyncReason.DIVERGED else 0
            self._delivery.resync(session, ResyncReason(reason), session.user.oldest, verified)
        else:
            self._delivery.pull(session, announce=True)

    def _refuse(self, link: Link, code: Code, reason: str, retry_after_ms: int = 0) -> None:
        self.refused += 1
        retry_after_ms = min(retry_after_ms, RETRY_AFTER_MS_MAX)
        link.close(Close(code=code, reason=reason, retry_after_ms=retry_after_ms))


def _is_of(frame: Resume, session: Session) -> bool:
    """Whether `frame` knows the session's secret."""
    return hmac.compare_digest(hash_secret(frame.secret)[:SECRET_BYTES], session.secret_half)
