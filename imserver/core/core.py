"""The core's front door: what the gateway, the HTTP room and later rooms call.

`hello` and `receive` are synchronous: they decide, queue and return. What must wait happens in the tasks of
`run`.
"""

import secrets
from collections.abc import Callable

import trio

from improtocol import frames
from improtocol import limits as protocol_limits
from improtocol.errors import RemoteProtocolError
from improtocol.frames import Frame, ResyncReason
from imserver.core.answers import Answerer
from imserver.core.attach import Attacher
from imserver.core.churn import NOBODY, ChurnWatcher, note_attached
from imserver.core.clock import Clock, SystemClock
from imserver.core.commit import CommitLoop
from imserver.core.conversations import Conversations
from imserver.core.decide import Decider
from imserver.core.delivery import Delivery
from imserver.core.gather import Gatherer
from imserver.core.limits import CoreLimits
from imserver.core.links import FlushList, Link
from imserver.core.media_desk import MediaDesk
from imserver.core.names import UserNames
from imserver.core.registry import Registry
from imserver.core.revoking import Revoker, session_ended
from imserver.core.sessions import Session
from imserver.core.signals import Signals
from imserver.core.statistics import CoreStatistics
from imserver.core.tokens import TokenVerifier
from imserver.core.upkeep import Upkeep
from imserver.core.watermarks import Watermarks
from imserver.storage.store import Store


class Core:
    """Sessions, conversations, append and delivery over a store.

    Args:
        store: what must survive; the core is its only user.
        tokens: who may connect.
        clock: wall-clock time.
        limits: bounds.
        media: hands out upload slots and links; None: none.
        draw_id, draw_secret: random sources (53 bits; n bytes), injected for simulations.
        idle_s: the silence after which the gateway hangs up.
        churn: hears of connections.
    """

    def __init__(
        self,
        store: Store,
        tokens: TokenVerifier,
        *,
        clock: Clock | None = None,
        limits: CoreLimits | None = None,
        media: MediaDesk | None = None,
        draw_id: Callable[[], int] | None = None,
        draw_secret: Callable[[int], bytes] = secrets.token_bytes,
        idle_s: int = protocol_limits.IDLE_S_MAX,
        churn: ChurnWatcher = NOBODY,
    ) -> None:
        self._churn = churn
        self._store = store
        self._clock = clock or SystemClock()
        self._limits = limits = limits or CoreLimits()
        draw_id = draw_id or _draw_id
        self.links = FlushList()
        self.tokens = tokens
        self._registry = Registry(limits)
        self._delivery = Delivery(store, limits)
        self._watermarks = Watermarks()
        self._names = UserNames(store, limits.users_cached_max)
        self._conversations = Conversations(store, limits)
        self._commits = CommitLoop(
            store,
            self._conversations,
            Gatherer(store, self._conversations, self._names, limits.cold_reads_max),
            Decider(self._conversations, draw_id, limits),
            self._delivery,
            self._watermarks,
            self.links,
            self._clock,
            limits,
            session_ended,
        )
        self._revoker = Revoker(store, self._registry, self._delivery, self._commits, self.links)
        #: Whether a user (app, name) is shut out at this moment.
        self.is_banned = self._revoker.is_banned
        self._attacher = Attacher(
            store,
            self._registry,
            self._delivery,
            tokens,
            self.links,
            self._clock,
            limits,
            attached=self._session_attached,
            attached_count=lambda: self._attached,
            banned=self.is_banned,
            draw_id=draw_id,
            draw_secret=draw_secret,
            idle_s=idle_s,
        )
        self._signals = Signals(
            store, self._conversations, self._names, self._delivery, self._watermarks, self.links, limits
        )
        self._answerer = Answerer(
            store, self._conversations, self._names, self._signals, self.links, limits, media
        )
        self._upkeep = Upkeep(store, self._delivery, self._clock, limits, self._tick)
        self._writing = self._commits, self._attacher.logins, self._answerer, self._upkeep
        self._attached = 0

    # From the gateway ------------------------------------------------------------------------------

    def hello(self, link: Link, frame: frames.Connect | frames.Resume) -> None:
        """A new connection says who it is. Answered now or later, by CONNECTED, RESUMED or CLOSE.

        When it is answered, `link.session` is set and `link.attached()` was called.
        """
        self._attacher.hello(link, frame)

    def receive(self, session: Session, link: Link, frame: Frame) -> None:
        """A frame of an attached session.

        Raises:
            RemoteProtocolError: the frame breaks a rule of the session; close the connection with its code.
        """
        if session.link is not link:
            return  # fenced: a newer connection has taken over
        if type(frame) is frames.Command:
            # Counted per connection: what an older one sent may still wait when it is sent again.
            if session.unanswered >= protocol_limits.COMMANDS_IN_FLIGHT_MAX:
                most = protocol_limits.COMMANDS_IN_FLIGHT_MAX
                raise RemoteProtocolError(f"more than {most} commands without waiting for their results")
            self._commits.submit(session, link, frame)
            return
        match frame:
            case frames.Ack():
                self._acked(session, frame)
            case frames.Query():
                self._answerer.submit(session, link, frame)
            case frames.Ping():
                link.send(frames.Pong())
            case frames.Signal():
                self._signals.receive(session, frame)
            case frames.Seek():
                self._seek(session, frame)
            case frames.Mode():
                session.mode = frame.mode
            case _:
                pass  # PONG: a sign of life, which the gateway has noted

    def writable(self, session: Session) -> None:
        """The session's connection takes bytes again."""
        self._delivery.pull(session)

    def lost(self, link: Link, cause: str = "closed") -> None:
        """`link` is gone; its session stays. `cause` is a word for whoever watches churn."""
        session, link.session = link.session, None
        if session is None:
            return
        self._attached -= 1
        self._churn.dropped(session.device, cause)
        session.link = None
        session.ride_along = None
        self._signals.forget_watcher(session)
        user = session.user
        user.attached -= 1
        if not user.attached:
            self._signals.went(user, trio.current_time())
        self._watermarks.acked(session.device, session.acked)
        self._watermarks.seen(session.device, self._clock.now_ms())

    def _acked(self, session: Session, frame: frames.Ack) -> None:
        try:
            reached = session.note_acked(frame.count)
            agrees = frame.digest is None or session.resyncing > 0 or session.agrees(frame.digest)
        except ValueError as error:
            raise RemoteProtocolError(str(error)) from None
        if not agrees:
            # It holds something else than it was sent; up to `verified` it was compared when it attached.
            self._delivery.resync(session, ResyncReason.DIVERGED, session.user.oldest, session.verified)
            return
        self._watermarks.acked(session.device, session.acked)
        if reached:
            self._signals.delivered(session, reached)
        self._delivery.pull(session)

    def _seek(self, session: Session, frame: frames.Seek) -> None:
        if frame.position > session.user.head:
            raise RemoteProtocolError(f"SEEK to {frame.position}, but the log ends at {session.user.head}")
        if session.resyncing or frame.position > session.scanned:
            session.resyncing = 0
            session.seek(frame.position)
            self._watermarks.acked(session.device, frame.position)
            self._delivery.pull(session)

    # Called by the parts ---------------------------------------------------------------------------

    def _session_attached(self, session: Session, link: Link, hello: frames.Connect | frames.Resume) -> None:
        note_attached(self._churn, session, hello)
        link.session = session
        self._attached += 1
        session.user.attached += 1
        if session.user.attached == 1:
            self._signals.came(session.user)
        self._upkeep.used(session)

    def _tick(self, now_s: float) -> None:
        self._signals.tick(now_s)
        self.links.flush()
        if len(self._watermarks):
            self._watermarks.due = True
            self._commits.wake()

    # For other rooms -------------------------------------------------------------------------------

    async def may_read(self, app: int, user: str, conversation: int) -> bool:
        """Whether `user` is an active member of `conversation` and not banned, at this moment."""
        id = (await self._names.find(app, (user,))).get(user)
        found = await self._conversations.load(app, conversation)
        return found is not None and id in found.members and not self.is_banned(app, user)

    async def end_sessions(self, app: int, user: str) -> int:
        """End all sessions of a user, for the shop; returns how many. Each device needs a token then.

        Once this returns, nothing more reaches them and nothing of theirs is carried out.
        """
        return len(await self._revoker.end_sessions(app, user))

    async def ban(self, app: int, user: str) -> None:
        """Shut a user out as `end_sessions` does, until `unban`: no token, media ticket or link works."""
        await self._revoker.ban(app, user)

    async def unban(self, app: int, user: str) -> None:
        """Let a user in again; his sessions go on where they were, with everything since."""
        await self._revoker.unban(app, user)

    def attached_devices(self, app: int, user: str) -> set[int]:
        """The ids of the devices of a user that are connected."""
        known = self._delivery.named(app, user)
        return {session.device for session in known.sessions if session.link is not None} if known else set()

    async def reload_keys(self) -> None:
        """Take over the store's apps and keys; tokens of revoked keys are refused from now on."""
        self.tokens.replace(await self._store.apps(), await self._store.keys())

    def statistics(self) -> CoreStatistics:
        """What is held and has been done."""
        return CoreStatistics(
            sessions=len(self._registry),
            attached=self._attached,
            users=len(self._delivery),
            conversations=len(self._conversations),
            commands_pending=len(self._commits),
            commands=self._commits.commands,
            batches=self._commits.batches,
            connected=self._attacher.connected,
            resumed=self._attacher.resumed,
            refused=self._attacher.refused,
            cold_reads=self._delivery.cold_reads,
            compared=self._attacher.compared,
            diverged=self._delivery.resyncs[ResyncReason.DIVERGED],
            resyncs=sum(self._delivery.resyncs.values()),
            queries=self._answerer.answered,
            watermarks=len(self._watermarks),
            disk_full=sum(one.disk_full for one in self._writing),
        )

    # Life ------------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Raises `StoreBroken` when nothing may be acked any more (G7): end then."""
        await self.reload_keys()
        await self._revoker.load()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._store.failed)
            parts = self._commits, self._delivery, self._attacher, self._answerer, self._signals, self._upkeep
            for part in parts:
                nursery.start_soon(part.run)
            task_status.started()

    async def drain(self) -> None:
        """Return once every command received so far is durable and answered, or refused."""
        await self._commits.wait_answered()

    async def trim_logs(self) -> int:
        """Apply the logs' retention now; returns how many entries went."""
        return await self._upkeep.trim_logs()


def _draw_id() -> int:
    return secrets.randbelow(protocol_limits.INT_MAX) + 1
