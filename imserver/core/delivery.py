"""Delivery.

After the doorbell, each attached session pulls from its user's log after its cursor, while its window is
open.

Live push, reconnect and catch-up are this one path. The newest entries come from memory (`User.tail`),
older ones by a bounded number of readers from the store. A blocked connection or a closed window simply
leaves the cursor where it is.
"""

from collections import deque
from collections.abc import Sequence

import trio

from improtocol import limits as protocol_limits
from improtocol.entries import Kind
from improtocol.frames import Resync, ResyncReason
from imserver.core.limits import CoreLimits
from imserver.core.sessions import Session
from imserver.core.users import Held, User, held
from imserver.storage.store import Placed, Store, Write, log_bytes

_EVENTS_PER_FRAME = protocol_limits.EVENTS_PER_FRAME_MAX
_EVENTS_IN_FLIGHT = protocol_limits.EVENTS_IN_FLIGHT_MAX
_FRAME_BYTES = protocol_limits.EVENTS_FRAME_BYTES_SOFT_MAX
_MESSAGE, _READ, _CREATED = int(Kind.MESSAGE), int(Kind.READ), int(Kind.CREATED)


class Delivery:
    """The users in memory and their doorbells."""

    def __init__(self, store: Store, limits: CoreLimits) -> None:
        self._store = store
        self._limits = limits
        self._users: dict[int, User] = {}
        self._rung: dict[User, None] = {}
        self._cold: deque[Session] = deque()
        self._cold_arrived = trio.Event()
        self.cold_reads = 0
        self.superseded = 0
        self.resyncs = dict.fromkeys(ResyncReason, 0)

    # Users -----------------------------------------------------------------------------------------

    def user(self, id: int) -> User | None:
        """The user if in memory."""
        return self._users.get(id)

    def named(self, app: int, name: str) -> User | None:
        """The user of this name if in memory. Looks at all: for what a shop asks, not for what clients do."""
        return next((user for user in self._users.values() if user.name == name and user.app == app), None)

    def enter(self, id: int, app: int, name: str) -> User:
        """The user, in memory from now on: commits published from here on reach it.

        Call before reading its head.
        """
        user = self._users.get(id)
        if user is None:
            user = self._users[id] = User(id, app, name)
        return user

    def users(self) -> Sequence[User]:
        """All users in memory."""
        return list(self._users.values())

    def drop_user(self, user: User) -> None:
        """Forget a user nobody is attached for."""
        self._users.pop(user.id, None)

    def __len__(self) -> int:
        return len(self._users)

    # Doorbell --------------------------------------------------------------------------------------

    def publish(self, write: Write, placed: Placed, seq: int) -> None:
        """A durable entry stands where it was placed in its recipients' logs; `ring` tells their sessions."""
        users = self._users
        entries_max = self._limits.tail_entries_max
        size = log_bytes(write.payload)
        one = Held(
            write.device,
            placed.digest,
            write.kind,
            write.at_ms,
            write.author_name,
            write.conversation,
            seq,
            write.payload,
        )
        for user_id, position in zip(write.recipients, placed.positions, strict=True):
            user = users.get(user_id)
            if user is not None:
                user.publish(position, one, size, entries_max)
                if user.attached:
                    self._rung[user] = None

    def ring(self) -> None:
        """Let every session of the users published to pull."""
        rung, self._rung = self._rung, {}
        for user in rung:
            for session in user.sessions:
                self.pull(session)

    def pull(self, session: Session, *, announce: bool = False) -> None:
        """Send `session` what it has not got, as far as its window and connection allow.

        Args:
            session: whose device to serve.
            announce: tell the device where its cursor stands even if there is nothing but its own entries
                to skip.
        """
        user = session.user
        while session.scanned < user.head:
            link = session.link
            if (
                link is None
                or session.reading
                or session.resyncing
                or link.blocked
                or not session.window_open
            ):
                return
            room = session.acked + _EVENTS_IN_FLIGHT - session.scanned
            if room <= 0:
                announce = True  # only entries of its own were skipped since: it must hear where it stands
                break
            if session.scanned < user.tail_after:
                session.reading = True
                self._cold.append(session)
                self._cold_arrived.set()
                return
            entries = user.after(session.scanned, min(_EVENTS_PER_FRAME, room))
            self._send(session, entries)
        silent = session.scanned - session.sent
        # However the pull after RESUMED came to wait: for the window, for the socket, for a reader.
        announce = announce or session.sent < session.quoted
        if silent and (announce or silent >= self._limits.silent_positions_max) and session.link is not None:
            self._send_frame(session, session.scanned, [], {}, 0)

    def _send(self, session: Session, entries: Sequence[Held]) -> None:
        """Send the log entries that follow, as far as they fit a frame of bounded size."""
        chosen: list[Held] = []
        delivers: dict[int, int] = {}
        own, end = session.device, session.scanned
        size = digest = marks = 0
        for one in entries:
            if one.device != own or one.kind == _CREATED:  # `goes_to`, without a call for each entry
                if size and size + len(one.payload) > _FRAME_BYTES:
                    break  # what is left over is pulled again, when the window allows
                chosen.append(one)
                size += len(one.payload) + 8
                # As it was written, not as it was read just now: so what the disk made of it shows.
                digest += one.term
                if one.kind == _MESSAGE:
                    delivers[one.conversation] = one.seq
                elif one.kind == _READ:
                    marks += 1
            end += 1
        session.scanned = end
        if marks > 1:
            chosen = self._without_superseded(chosen)
        if chosen:
            self._send_frame(session, end, chosen, delivers, digest)

    def _send_frame(
        self, session: Session, end: int, entries: Sequence[Held], delivers: dict[int, int], digest: int
    ) -> None:
        link = session.link
        assert link is not None
        ride_along = session.ride_along
        if ride_along and entries:
            session.ride_along = None
            for signal in ride_along.values():
                link.send(signal)
        size = link.send_events(session.sent, end, entries)
        session.note_sent(end, size, delivers, digest)

    def _without_superseded(self, entries: Sequence[Held]) -> list[Held]:
        """`entries` without read marks that a later one of them supersedes."""
        newest = {(mark.conversation, mark.sender): mark for mark in entries if mark.kind == _READ}
        kept = [e for e in entries if e.kind != _READ or newest[e.conversation, e.sender] is e]
        self.superseded += len(entries) - len(kept)
        return kept

    # Reading from the store ------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the sessions whose cursor lies before what is in memory, until cancelled."""
        async with trio.open_nursery() as nursery:
            for _ in range(self._limits.cold_reads_max):
                nursery.start_soon(self._read_cold)

    async def _read_cold(self) -> None:
        while True:
            while not self._cold:
                self._cold_arrived = trio.Event() if self._cold_arrived.is_set() else self._cold_arrived
                await self._cold_arrived.wait()
            session = self._cold.popleft()
            link, after = session.link, session.scanned
            if link is None:
                session.reading = False
                continue
            limit = max(1, min(_EVENTS_PER_FRAME, session.acked + _EVENTS_IN_FLIGHT - after))
            entries = await self._store.log_range(session.user.id, after, limit=limit, bytes_max=_FRAME_BYTES)
            self.cold_reads += 1
            session.reading = False
            # Between the question and the answer the session may have moved to another connection or cursor,
            # or its device may have been told to seek.
            if session.link is link and session.scanned == after and not session.resyncing:
                if not entries or entries[0].position != after + 1:
                    self.resync(
                        session,
                        ResyncReason.RETENTION,
                        session.user.head + 1 if not entries else entries[0].position,
                    )
                else:
                    self._send(session, [held(entry) for entry in entries])
            self.pull(session, announce=True)
            if session.link is not None:
                session.link.flush()

    def resync(self, session: Session, reason: ResyncReason, oldest: int, verified: int = 0) -> None:
        """Tell the device that the range after its cursor cannot be given.

        Nothing more is sent until it seeks (G5). After DIVERGED the histories differ after `verified`.
        """
        session.resyncing = reason
        self.resyncs[reason] += 1
        if session.link is not None:
            head = session.user.head
            epoch = self._store.epoch
            session.link.send(Resync(reason=reason, oldest=oldest, head=head, epoch=epoch, verified=verified))
