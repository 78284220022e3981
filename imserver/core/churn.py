"""For whoever watches connections come and go. Devices are told by number: no names, no content."""

from typing import Final, Protocol

from improtocol.frames import Connect, Resume
from imserver.core.sessions import Session


class ChurnWatcher(Protocol):
    """Called from the hot path: none of these may wait or raise."""

    def connected(self, device: int, missed: int) -> None:
        """A device logged in with a token; `missed` positions of its log are ahead of its cursor."""

    def resumed(self, device: int, missed: int) -> None:
        """A device goes on with its session."""

    def dropped(self, device: int, cause: str) -> None:
        """A device's connection is gone: `closed`, `reset`, `slow`, or a close code's name in lower case."""


def note_attached(churn: ChurnWatcher, session: Session, hello: Connect | Resume) -> None:
    """`session` was attached by `hello`."""
    missed = max(0, session.user.head - hello.cursor)
    if isinstance(hello, Resume):
        churn.resumed(session.device, missed)
    else:
        churn.connected(session.device, missed)


class _Nobody:
    def connected(self, device: int, missed: int) -> None:
        pass

    def resumed(self, device: int, missed: int) -> None:
        pass

    def dropped(self, device: int, cause: str) -> None:
        pass


#: Nobody watches.
NOBODY: Final[ChurnWatcher] = _Nobody()
