"""The shop shuts somebody out: it ends all sessions of a user, or bans him (G10).

Ended sessions need a token to begin anew; a banned user gets nothing until the ban is lifted, token or not.
In both cases what was decided before counts, and what was only received does not. Memberships stay, and so
does the log: who is let in again gets what came meanwhile, as after any absence.
"""

from typing import Final

import trio

from improtocol.codes import Code
from improtocol.frames import Close
from imserver.core.commit import CommitLoop
from imserver.core.delivery import Delivery
from imserver.core.links import FlushList
from imserver.core.registry import Registry
from imserver.core.sessions import Session
from imserver.core.users import User
from imserver.storage.store import Store

BANNED: Final = "the shop has shut this user out"


def session_ended(session: Session) -> None:
    """The end of `session` is durable: its connection goes."""
    session.ended = True
    if session.link is not None:
        session.link.close(Close(code=Code.SESSION_ENDED, reason="this session was ended"))


class Revoker:
    """Ends and bans, in the store and then at once in memory.

    Every method changes the store first and memory without waiting in between, under `Registry.turn`, so that
    no login or resume slips through. Cancelled, they still do both or nothing.
    """

    def __init__(
        self, store: Store, registry: Registry, delivery: Delivery, commits: CommitLoop, links: FlushList
    ) -> None:
        self._store = store
        self._registry = registry
        self._delivery = delivery
        self._commits = commits
        self._links = links
        #: By app and name, which is what tokens and media links say. All of them: a ban that had to be looked
        #: up would make a read of every resume.
        self._banned: set[tuple[int, str]] = set()

    async def load(self) -> None:
        """Learn who is banned. Before anybody is let in."""
        self._banned = await self._store.banned_users()

    def is_banned(self, app: int, user: str) -> bool:
        """Whether this user is shut out, at this moment."""
        return (app, user) in self._banned

    async def end_sessions(self, app: int, user: str) -> list[int]:
        """End all sessions of a user; returns the ids of the devices that had one."""
        async with self._registry.turn:
            with trio.CancelScope(shield=True):
                devices = await self._store.end_sessions(app, user)
            known = self._delivery.named(app, user)
            # All in memory: what the store has no session for must not live there either.
            ended = set(known.sessions) if known else set()
            self._commits.refuse(ended.__contains__, Code.SESSION_ENDED, "this session was ended")
            for session in ended:
                session.revoked = True
                session_ended(session)
            self._links.flush()
        return devices

    async def ban(self, app: int, user: str) -> None:
        """Shut a user out, also one who never came. Sessions stay, and work again after `unban`."""
        async with self._registry.turn:
            with trio.CancelScope(shield=True):
                await self._store.set_banned(app, user, banned=True)
            self._banned.add((app, user))

            def concerned(session: Session) -> bool:
                return _is(session.user, app, user)

            self._commits.refuse(concerned, Code.BANNED, BANNED)
            known = self._delivery.named(app, user)
            for session in known.sessions if known else ():
                if session.link is not None:
                    session.link.close(Close(code=Code.BANNED, reason=BANNED))
            self._links.flush()

    async def unban(self, app: int, user: str) -> None:
        """Let a user in again. His devices come when they are told to: BANNED made them stop."""
        async with self._registry.turn:
            with trio.CancelScope(shield=True):
                await self._store.set_banned(app, user, banned=False)
            self._banned.discard((app, user))


def _is(user: User, app: int, name: str) -> bool:
    return user.name == name and user.app == app
