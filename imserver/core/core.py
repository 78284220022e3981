"""The core's front door: what the gateway, the HTTP room and later rooms call.

`hello` and `receive` are synchronous: they decide, queue and return. What must wait happens in the tasks of
`run`.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import trio

from improtocol import frames
from improtocol import limits as protocol_limits
from improtocol.codes import Code
from improtocol.errors import RemoteProtocolError
from improtocol.frames import Close, Frame
from imserver.core.answers import Answerer
from imserver.core.attach import Attacher
from imserver.core.clock import Clock, SystemClock
from imserver.core.commit import CommitLoop
from imserver.core.conversations import Conversations
from imserver.core.decide import Decider
from imserver.core.delivery import Delivery
from imserver.core.gather import Gatherer
from imserver.core.limits import DAY_MS, CoreLimits
from imserver.core.links import FlushList, Link
from imserver.core.media_desk import MediaDesk
from imserver.core.names import UserNames
from imserver.core.registry import Registry
from imserver.core.sessions import Session
from imserver.core.signals import Signals
from imserver.core.tokens import TokenVerifier
from imserver.core.watermarks import Watermarks
from imserver.storage.store import Store, StoreFull

_TICK_S = 5.0
_TRIM_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreStatistics:
    """What the core holds and has done since it started."""

    sessions: int
    attached: int
    users: int
    conversations: int
    commands_pending: int
    commands: int
    batches: int
    connected: int
    resumed: int
    refused: int
    cold_reads: int
    queries: int
    watermarks: int


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
    ) -> None:
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
        self._conversations = Conversations(store, limits.conversations_cached_max)
        self._commits = CommitLoop(
            store,
            self._conversations,
            Gatherer(store, self._conversations, self._names),
            Decider(self._conversations, draw_id),
            self._delivery,
            self._watermarks,
            self.links,
            self._clock,
            limits,
            self._session_ended,
        )
        self._attacher = Attacher(
            store,
            self._registry,
            self._delivery,
            tokens,
            self._clock,
            limits,
            attached=self._session_attached,
            draw_id=draw_id,
            draw_secret=draw_secret,
            idle_s=idle_s,
        )
        self._answerer = Answerer(
            store, self._conversations, self._names, self._delivery, self.links, limits, media
        )
        self._signals = Signals(
            store, self._conversations, self._names, self._delivery, self._watermarks, limits
        )
        self._attached: dict[Link, Session] = {}
        self._extend: dict[int, int] = {}

    # From the gateway ------------------------------------------------------------------------------

    def hello(self, link: Link, frame: frames.Connect | frames.Resume) -> None:
        """A new connection says who it is. Answered now or later, by CONNECTED, RESUMED or CLOSE.

        When it is answered, `link.attached()` was called, and `session_of(link)` is its session.
        """
        self._attacher.hello(link, frame)

    def session_of(self, link: Link) -> Session | None:
        """The session attached to `link`."""
        return self._attached.get(link)

    def receive(self, session: Session, link: Link, frame: Frame) -> None:
        """A frame of an attached session.

        Raises:
            RemoteProtocolError: the frame breaks a rule of the session; close the connection with its code.
        """
        if session.link is not link:
            return  # fenced: a newer connection has taken over
        match frame:
            case frames.Command():
                if session.pending >= protocol_limits.COMMANDS_IN_FLIGHT_MAX:
                    most = protocol_limits.COMMANDS_IN_FLIGHT_MAX
                    raise RemoteProtocolError(f"more than {most} commands without waiting for their results")
                self._commits.submit(session, link, frame)
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
                session.mode = frames.ClientMode(frame.mode)
            case _:
                pass  # PONG: a sign of life, which the gateway has noted

    def writable(self, session: Session) -> None:
        """The session's connection takes bytes again."""
        self._delivery.pull(session)

    def lost(self, link: Link) -> None:
        """`link` is gone; its session stays."""
        session = self._attached.pop(link, None)
        if session is None or session.link is not link:
            return
        session.link = None
        session.ride_along = None
        self._signals.forget_watcher(session)
        user = session.user
        user.detach(session)
        if not user.sessions:
            self._signals.went(user, trio.current_time())
        self._watermarks.acked(session.device, session.acked)
        self._watermarks.seen(session.device, self._clock.now_ms())
        self._registry.shrink(self._delivery)

    def _acked(self, session: Session, frame: frames.Ack) -> None:
        try:
            reached = session.note_acked(frame.count)
        except ValueError as error:
            raise RemoteProtocolError(str(error)) from None
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

    def _session_attached(self, session: Session, link: Link) -> None:
        self._attached[link] = session
        if len(session.user.sessions) == 1:
            self._signals.came(session.user)
        now_ms = self._clock.now_ms()
        life_ms = self._limits.session_days * DAY_MS
        # Sliding expiry, written at most about once a day and session.
        if session.expires_ms < now_ms + life_ms - DAY_MS:
            session.expires_ms = self._extend[session.device] = now_ms + life_ms

    def _session_ended(self, session: Session) -> None:
        session.ended = True
        if session.link is not None:
            session.link.close(Close(code=Code.SESSION_ENDED, reason="this session was ended"))

    # For other rooms -------------------------------------------------------------------------------

    async def may_read(self, app: int, user: str, conversation: int) -> bool:
        """Whether `user` is an active member of `conversation`, at this moment."""
        id = (await self._names.find(app, (user,))).get(user)
        found = await self._conversations.load(app, conversation)
        return found is not None and id in found.members

    async def reload_keys(self) -> None:
        """Take over the store's apps and keys; tokens of revoked keys are refused from now on."""
        self.tokens.replace(await self._store.apps(), await self._store.keys())

    def statistics(self) -> CoreStatistics:
        """What is held and has been done."""
        return CoreStatistics(
            sessions=len(self._registry),
            attached=len(self._attached),
            users=len(self._delivery),
            conversations=len(self._conversations),
            commands_pending=len(self._commits),
            commands=self._commits.commands,
            batches=self._commits.batches,
            connected=self._attacher.connected,
            resumed=self._attacher.resumed,
            refused=self._attacher.refused,
            cold_reads=self._delivery.cold_reads,
            queries=self._answerer.answered,
            watermarks=len(self._watermarks),
        )

    # Life ------------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Raises `StoreBroken` when nothing more may be acked (G7).

        End the process then.
        """
        await self.reload_keys()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._commits.run)
            nursery.start_soon(self._delivery.run)
            nursery.start_soon(self._attacher.run)
            nursery.start_soon(self._answerer.run)
            nursery.start_soon(self._signals.run)
            nursery.start_soon(self._housekeeping)
            task_status.started()

    async def drain(self) -> None:
        """Return once every command received so far is durable and answered."""
        await self._commits.wait_idle()

    async def _housekeeping(self) -> None:
        trimmed_at_s = trio.current_time()
        while True:
            await trio.sleep(_TICK_S)
            now_s = trio.current_time()
            self._signals.tick(now_s)
            self.links.flush()
            if len(self._watermarks):
                self._watermarks.due = True
                self._commits.wake()
            extend, self._extend = self._extend, {}
            try:
                if extend:
                    await self._store.extend_sessions(extend)
                if now_s - trimmed_at_s >= _TRIM_S:
                    trimmed_at_s = now_s
                    await self.trim_logs()
            except StoreFull:
                # Both can wait for room: expiry moves by days, and what was not trimmed harms nobody.
                self._extend = extend | self._extend

    async def trim_logs(self) -> int:
        """Apply the logs' retention now; returns how many entries went."""
        trimmed = await self._store.trim_logs(
            before_ms=self._clock.now_ms() - self._limits.log_days * DAY_MS,
            positions_kept_max=self._limits.log_positions_max,
        )
        if trimmed:
            users = {user.id: user for user in self._delivery.users()}
            for id, head in (await self._store.log_heads(list(users))).items():
                users[id].oldest = max(users[id].oldest, head.oldest)
        return trimmed


def _draw_id() -> int:
    return secrets.randbelow(protocol_limits.INT_MAX) + 1
