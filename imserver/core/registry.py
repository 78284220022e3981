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
        self._by_id: dict[int, Session] = {}
        self._by_device: dict[int, Session] = {}

    def __len__(self) -> int:
        return len(self._by_device)

    def get(self, id: int) -> Session | None:
        """The session with this id, if in memory."""
        return self._by_id.get(id)

    def by_device(self, device: int) -> Session | None:
        """The session of this device, if in memory."""
        return self._by_device.get(device)

    def admit(self, device: Device, delivery: Delivery) -> Session:
        """The session of `device` as the store has just told it.

        What memory knows better (counters) is kept.
        """
        session = self._by_device.get(device.id)
        if session is None:
            user = delivery.enter(device.user, device.app, device.user_name)
            session = self._by_device[device.id] = Session(device, user)
        elif session.id != device.session:
            # A new login: the old session is gone, its connection with it.
            self._by_id.pop(session.id, None)
            if (older := session.link) is not None:
                # Closing it detaches it: `session.link` is None from here on.
                older.close(Close(code=Code.REPLACED, reason="this device has logged in again"))
                older.flush()
        if device.session:
            session.id = device.session
            session.secret_hash = device.secret_hash
            session.expires_ms = device.expires_ms
            session.ended = session.revoked = False
            self._by_id[session.id] = session
        return session

    def shrink(self, delivery: Delivery, attached: int) -> None:
        """Forget the oldest sessions and users without connection above the bound.

        Never between `admit` and attaching what was admitted: it would be forgotten while in use.

        Args:
            delivery: the users in memory.
            attached: how many sessions have a connection; they do not count.
        """
        surplus = len(self._by_device) - attached - self._limits.users_cached_max
        # A quarter late, so that the search through all of them is paid by many.
        if surplus <= self._limits.users_cached_max // 4:
            return
        idle = [s for s in self._by_device.values() if s.link is None and not s.pending and not s.reading]
        for session in idle[:surplus]:
            del self._by_device[session.device]
            self._by_id.pop(session.id, None)
        kept = {session.user.id for session in self._by_device.values()}
        for user in delivery.users():
            if user.id not in kept and not user.sessions:
                delivery.drop_user(user)
