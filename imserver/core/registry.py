"""The sessions in memory: exactly one object a device, whatever connections and logins come and go.

Were there two, each would count the device's commands by itself, and the store would stop the server.
"""

import trio

from improtocol.codes import Code
from improtocol.frames import Close
from imserver.core.delivery import Delivery
from imserver.core.limits import CoreLimits
from imserver.core.sessions import Session
from imserver.storage.store import Device


class Registry:
    """Sessions by id and by device.

    Those without connection are kept for a while, so that a quick resume needs no read.
    """

    def __init__(self, limits: CoreLimits) -> None:
        self._limits = limits
        #: Held from asking the store about sessions until memory agrees with its answer: a login and a
        #: shop's end of a session that crossed could leave alive in one what is dead in the other.
        self.turn = trio.Lock()
        #: Those that can be resumed. All of them are with their users; two tables would cost an idle
        #: connection 50 bytes more.
        self._by_id: dict[int, Session] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, id: int) -> Session | None:
        """The session with this id, if in memory."""
        return self._by_id.get(id)

    def admit(self, device: Device, delivery: Delivery) -> Session:
        """The session of `device` as the store has just told it.

        What memory knows better (counters) is kept.
        """
        user = delivery.enter(device.user, device.app, device.user_name)
        session = user.session_of(device.id)
        if session is None:
            session = Session(device, user)
            user.sessions = (*user.sessions, session)
            self._count += 1
        elif session.id != device.session:
            # A new login: the old session is gone, its connection with it.
            self._by_id.pop(session.id, None)
            if (older := session.link) is not None:
                # Closing it detaches it: `session.link` is None from here on.
                older.close(Close(code=Code.REPLACED, reason="this device has logged in again"))
                older.flush()
        if device.session:
            session.renew(device)
            self._by_id[session.id] = session
        return session

    def shrink(self, delivery: Delivery, attached: int) -> None:
        """Forget the oldest sessions and users without connection above the bound.

        Never between `admit` and attaching what was admitted: it would be forgotten while in use.

        Args:
            delivery: the users in memory.
            attached: how many sessions have a connection; they do not count.
        """
        surplus = self._count - attached - self._limits.users_cached_max
        # A quarter late, so that the search through all of them is paid by many.
        if surplus <= self._limits.users_cached_max // 4:
            return
        known = (session for user in delivery.users() for session in user.sessions)
        idle = [s for s in known if s.link is None and not s.pending and not s.reading]
        for session in idle[:surplus]:
            user = session.user
            user.sessions = tuple(other for other in user.sessions if other is not session)
            self._by_id.pop(session.id, None)
            self._count -= 1
        for user in delivery.users():
            if not user.sessions:
                delivery.drop_user(user)
