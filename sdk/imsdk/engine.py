"""The engine room: owns store, session and connection, and outlives every connection.

The public API stands on top.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import trio

from improtocol import ClientMode, Code, Entry, Kind, NextAction, Value
from improtocol.frames import Result
from improtocol.queries import Question
from imsdk.backoff import BACKGROUND_S_MAX, FOREGROUND_S_MAX, Backoff
from imsdk.ending import Ended, first_of
from imsdk.errors import Stopped, StorageError, StorageFull
from imsdk.heartbeat import Heartbeat
from imsdk.link import Link
from imsdk.network import Network
from imsdk.outcomes import Outcomes
from imsdk.questions import Questions
from imsdk.reach import reach
from imsdk.resync import refresh_stale
from imsdk.session import Attached, Session, is_refusal_of_session
from imsdk.settings import Settings
from imsdk.signals import Signals
from imsdk.state import ConnectionState, Phase
from imsdk.statistics import Statistics
from imsdk.store.rows import Identity, Settled
from imsdk.stray import Strays
from imsdk.wakeup import Bell, Recent

QUERY_S_MAX: Final = 20.0
#: States kept for an app that is slow to look; the oldest go.
STATES_MAX: Final = 64
#: Of what one missed before the own JOINED, and of who inherits from an owner, the log does not tell.
COMING_AND_GOING: Final = (Kind.JOINED, Kind.LEFT, Kind.REMOVED)
NETWORK_CHANGED: Final = Ended(action=NextAction.RETRY_NOW, reason="the device has another network")


class Engine:
    """Runs the connection of one client; see `imsdk.client` for what it means."""

    def __init__(self, settings: Settings, identity: Identity) -> None:
        self.settings = settings
        self.store = settings.store
        self.user = identity.user
        self.session = Session(identity)
        self.backoff = Backoff(settings.rng)
        self.heartbeat = Heartbeat(
            settings.label, json.loads(identity.heartbeat), foreground=settings.foreground
        )
        self.statistics = Statistics()
        self.bell = Bell()  #: something for the connection to do
        self.feed_bell = Bell()  #: the store has changed
        self.state_bell = Bell()
        self.draft_bell = Bell()
        self.queries = Questions(self.bell)
        self.state = ConnectionState(phase=Phase.OFFLINE)
        self.synced = False
        self.closed = False
        self.states: Recent[ConnectionState] = Recent(STATES_MAX)
        self.states.append(self.state)
        self.signals = Signals()
        self.outcomes = Outcomes()
        self._feed_mark = 0
        self.mode: ClientMode = ClientMode.FOREGROUND if settings.foreground else ClientMode.BACKGROUND
        self._mode_told: int | None = None
        self._link: Link | None = None
        self._attempt: trio.CancelScope | None = None
        self.network = Network()
        self._network_changed = False
        self._strays = Strays()
        self._logging_out = False
        self._nursery: trio.Nursery | None = None
        self._life = trio.CancelScope()
        self._failure: BaseException | None = None

    # The connection's loop --------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep a connection until there is a reason to stop. Never raises for what the outside does."""
        try:
            with self._life:
                await self._run()
        except* StorageError as group:
            self._failure = first_of(group)
        if self._failure is not None:
            self._stop(str(self._failure), 0)

    def fail(self, error: BaseException) -> None:
        """The store failed: fail-stop, since nothing more may be said to be durable."""
        self._failure = first_of(error)
        self._life.cancel()

    async def _run(self) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            while True:
                self._set_state(ConnectionState(phase=Phase.CONNECTING))
                self._network_changed = False  # from here on it breaks off the attempt
                with trio.CancelScope() as self._attempt:
                    ended = await self._connect_once(nursery)
                self.synced = False
                if self._attempt.cancelled_caught:
                    ended = NETWORK_CHANGED
                decided = await self._after(ended)
                if decided is None:
                    break
                if not self._network_changed:
                    await self._wait(*decided, ended.code)
                if self._network_changed:
                    self.backoff.reset()

    async def _wait(self, delay_s: float, reason: str, code: int) -> None:
        self._set_state(ConnectionState(phase=Phase.WAITING, retry_s=delay_s, reason=reason, code=code))
        with trio.move_on_after(delay_s):
            await self.state_bell.wait_until(lambda: self._network_changed)

    async def _connect_once(self, nursery: trio.Nursery) -> Ended:
        reached = await reach(self, nursery)
        if isinstance(reached, Ended):
            return reached
        token, stream = reached
        self._link = Link(self, stream)
        self._strays.greeted()
        self._mode_told = self.mode
        try:
            return await self._link.run(token)
        finally:
            self._link = None

    async def _after(self, ended: Ended) -> tuple[float, str] | None:
        """(seconds to wait, reason), or None to stop."""
        if self._logging_out and (self.session.needs_token or ended.code == Code.SESSION_ENDED):
            self._stop("logged out", ended.code)
            return None
        if ended.action is NextAction.REAUTHENTICATE:
            had_session = not self.session.needs_token
            if is_refusal_of_session(ended.code) and had_session:
                self.session.forget()
                with suppress(StorageFull):  # then the server says so again after the next start
                    await self.store.detach()
                return 0.0, ended.reason
            if self.settings.token_provider is None:
                self._stop(f"the token was rejected: {ended.reason}", ended.code)
                return None
        elif ended.action in (NextAction.STOP, NextAction.REFUSED) and not self._strays.excuse(ended):
            self._stop(ended.reason, ended.code)
            return None
        bound_s = FOREGROUND_S_MAX if self.mode == ClientMode.FOREGROUND else BACKGROUND_S_MAX
        return self.backoff.next_delay(retry_after_ms=ended.retry_after_ms, bound_s=bound_s), ended.reason

    def _stop(self, reason: str, code: int) -> None:
        self._set_state(ConnectionState(phase=Phase.STOPPED, reason=reason, code=code))
        self.outcomes.give_up()

    def close(self) -> None:
        """The client's life is over: whoever waits or iterates is told."""
        self.closed = True
        if self.state.phase is not Phase.STOPPED:
            self._stop("this client is closed", 0)
        self.state_bell.ring()
        self.feed_bell.ring()

    def _set_state(self, state: ConnectionState) -> None:
        self.state = state
        self.states.append(state)
        self.state_bell.ring()

    # What the link tells ----------------------------------------------------------------------------

    async def attached(self, attached: Attached) -> None:
        """A session is attached: keep it, if it is new."""
        self._strays.answered()
        if attached.fresh is not None:
            if self.user and attached.fresh.user and attached.fresh.user != self.user:
                reason = f"this store belongs to {self.user!r}, the token to {attached.fresh.user!r}"
                if self._link is not None:
                    self._link.finish(Ended(action=NextAction.STOP, reason=reason))
                return
            if attached.fresh.idle_s != self.heartbeat.idle_s:
                # Before the session, whose RESUMED does not say it again.
                self.heartbeat.idle_s = attached.fresh.idle_s
                await self.save_heartbeat()
            identity = await self.store.attach(attached.fresh)
            self.user = identity.user
            self.session.renew(identity)
        elif attached.skip_to > self.session.acked:
            await self.store.skip_counters(attached.skip_to)
        self._feed_mark = await self.store.feed_mark()
        self.backoff.reset()
        self.signals.watch_again()
        self._set_state(ConnectionState(phase=Phase.ONLINE))
        self.draft_bell.ring()

    async def consistent(self) -> None:
        """Nothing is missing any more up to the head the server quoted."""
        await self.store.close_holes(self._feed_mark)
        self.synced = True
        self.state_bell.ring()
        self.changed()
        self._look_up_stale()

    def _look_up_stale(self) -> None:
        """Ask for what the log does not tell of groups."""
        if self._nursery is not None:
            self._nursery.start_soon(refresh_stale, self)

    async def commit_events(self, entries: Sequence[Entry], end: int) -> int:
        """Commit a range of the log, delivered watermarks riding along; returns the sum of its terms."""
        delivered, proof = self.signals.delivered_rows(), self.session.proof.kept
        committed = await self.store.commit_events(entries, end, delivered, proof)
        self.statistics.unreadable += committed.unreadable
        self.signals.delivered.clear()
        if self.synced and any(entry.kind in COMING_AND_GOING for entry in entries):
            self._look_up_stale()
        self.changed()
        return committed.digest

    async def settle(self, results: Sequence[Result]) -> None:
        """Commit results and tell who waits for them."""
        settled = await self.store.settle(results)
        self.session.settled()
        if self._logging_out and not (await self.store.identity()).session:
            self.session.forget()
        for one in settled:
            self.tell_settled(one)

    def take_mode(self) -> int | None:
        """The mode, if the server has not been told."""
        if self.mode == self._mode_told:
            return None
        self._mode_told = self.mode
        return self.mode

    def changed(self) -> None:
        """The store has changed."""
        self.feed_bell.ring()

    async def save_heartbeat(self) -> None:
        """Keep what the heartbeat knows."""
        await self.store.save_heartbeat(json.dumps(self.heartbeat.to_state()))

    # What the app asks ------------------------------------------------------------------------------

    def outbox_changed(self) -> None:
        """Something may be sent."""
        if self._link is not None:
            self._link.outbox_changed()
        self.bell.ring()

    async def query(self, question: Question, timeout_s: float = QUERY_S_MAX) -> Value:
        """Ask the server."""
        if self.closed:
            raise Stopped(self.state.reason, self.state.code)
        return await self.queries.ask(question, timeout_s)

    async def settled(self, local: int) -> Settled:
        """Wait for the end of an outbox row.

        Raises:
            Stopped: the client connects no more.
        """
        settled = await self.outcomes.wait(local)
        if settled is None:
            raise Stopped(self.state.reason, self.state.code)
        return settled

    def tell_settled(self, settled: Settled) -> None:
        """An outbox row has ended."""
        self.outcomes.tell(settled)
        self.changed()

    def set_mode(self, mode: ClientMode) -> None:
        """Foreground or background."""
        self.mode = mode
        self.heartbeat.foreground = mode is ClientMode.FOREGROUND
        self.bell.ring()

    def network_changed(self, label: str) -> None:
        """Drop the connection without waiting for it and dial at once."""
        self.heartbeat.switch(label)
        self.network.changed()
        if self.state.phase is Phase.STOPPED:
            return
        self._network_changed = True
        if self._link is not None:
            self._link.finish(NETWORK_CHANGED)  # if the server has just said why it ends, that counts
        elif self._attempt is not None:
            self._attempt.cancel()
        self.state_bell.ring()

    def begin_logout(self) -> None:
        """The session is about to end by the app's wish."""
        self._logging_out = True
